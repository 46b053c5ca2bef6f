"""Sign deliveries as HTTP messages: `Signature-Input`, `Signature` (RFC 9421) and `Content-Digest` (RFC 9530).

Each key makes one signature under a label of its own: `sig1` and `sig1-previous` for the keys of the first entry,
`sig2` for those of the second. All keys of an entry carry its one `keyid`: a receiver that still looks up the old key
by that name finds its signature.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import SecretStr

from jethook_contract.errors import Bug, Invalid
from jethook_contract.secrets import HttpSignature, SignatureAlgorithm, SigningKey
from jethook_dispatcher.core.signing_keys import pem_ed25519, pem_p256, shared_secret
from jethook_dispatcher.core.signing_mac import PreparedMac

WRITTEN_HEADERS = frozenset({"content-digest", "signature", "signature-input"})
Sign = Callable[[bytes], bytes]

_P256_BYTES = 32
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class _LabelledKey:
    """`parameters`: what follows `created` in the signature's parameters."""

    label: str
    parameters: str
    sign: Sign


class HttpSigner:
    """Hold the keys and target URIs of one plan part; raise Invalid `BadSigningKey` or `BadRequest` for bad ones.

    `urls`: those of the part's targets, in order; a signature holds for one of them only.
    """

    __slots__ = ("_keys", "_target_uris")

    def __init__(self, signing: Iterable[SigningKey], *, urls: Sequence[str]) -> None:
        entries = [entry for entry in signing if entry.scheme == "HTTPMessageSignatures"]
        self._keys = tuple(key for number, entry in enumerate(entries, start=1) for key in _labelled(entry, number))
        self._target_uris = tuple(map(target_uri, urls)) if self._keys else ()

    def __bool__(self) -> bool:
        """Tell whether there is any key."""
        return bool(self._keys)

    def headers(
        self, body: bytes, *, content_type: str, webhook_id: str, timestamp: int, target: int
    ) -> tuple[tuple[str, str], ...]:
        """Give the headers that sign one POST of `body` to target number `target`."""
        digest = f"sha-256=:{_encoded(hashlib.sha256(body).digest())}:"
        components = [
            ("@method", "POST"),
            ("@target-uri", self._target_uris[target]),
            ("content-digest", digest),
            *_signable_content_type(content_type),
            ("webhook-id", webhook_id),
            ("webhook-timestamp", str(timestamp)),
        ]
        covered = " ".join(f'"{name}"' for name, _ in components)
        inputs, signatures = [], []
        for key in self._keys:
            parameters = f"({covered});created={timestamp}{key.parameters}"
            inputs.append(f"{key.label}={parameters}")
            signature = key.sign(signature_base(components, parameters=parameters))
            signatures.append(f"{key.label}=:{_encoded(signature)}:")
        return (
            ("content-digest", digest),
            ("signature-input", ", ".join(inputs)),
            ("signature", ", ".join(signatures)),
        )


def signature_base(components: Iterable[tuple[str, str]], *, parameters: str) -> bytes:
    """Write what is signed: a line for each component, then the parameters (RFC 9421, section 2.5)."""
    lines = [f'"{name}": {value}' for name, value in components]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")


def target_uri(url: str) -> str:
    """Give the URI that a receiver puts together from the request line and `Host` (RFC 9421, section 2.2.2).

    Host in lower case, without user name, default port and fragment; an empty path is `/` (RFC 9110, section 4.2.3).
    """
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise Invalid("BadRequest", "url: it holds what must be percent-encoded; a signed URL needs plain ASCII")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as exc:
        raise Invalid("BadRequest", "url: it is no valid URL; correct it") from exc
    authority = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS.get(parts.scheme):
        authority = f"{authority}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{authority}{parts.path or '/'}{query}"


def _labelled(entry: SigningKey, number: int) -> Iterable[_LabelledKey]:
    if entry.http is None:
        raise Bug("NoHttpSignature", "a signing entry of scheme HTTPMessageSignatures has no algorithm")
    parameters = f';keyid={_quoted(entry.http)};alg="{entry.http.algorithm}"'
    for position, key in enumerate(entry.keys):
        suffix = "" if position == 0 else "-previous" if position == 1 else f"-previous-{position}"
        yield _LabelledKey(
            label=f"sig{number}{suffix}", parameters=parameters, sign=_sign_with(key, algorithm=entry.http.algorithm)
        )


def _sign_with(key: SecretStr, *, algorithm: SignatureAlgorithm) -> Sign:
    if algorithm == "hmac-sha256":
        return PreparedMac(shared_secret(key)).digest
    if algorithm == "ed25519":
        return pem_ed25519(key).sign
    private = pem_p256(key)

    def sign(base: bytes) -> bytes:
        # RFC 9421, section 3.3.4: r and s side by side, not the DER that the library gives.
        r, s = decode_dss_signature(private.sign(base, ECDSA(SHA256())))
        return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")

    return sign


def _quoted(options: HttpSignature) -> str:
    """Write the key id as a Structured Field String (RFC 9651, section 3.3.3)."""
    if not options.key_id.isascii() or not options.key_id.isprintable():
        raise Invalid("BadSigningKey", "http.keyID: only printable ASCII characters can be sent; rename the key")
    return '"' + options.key_id.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _signable_content_type(value: str) -> tuple[tuple[str, str], ...]:
    # An event names its own content type. What is no ASCII cannot stand in a signature base: it goes unsigned.
    stripped = value.strip(" \t")
    return (("content-type", stripped),) if stripped and stripped.isascii() and stripped.isprintable() else ()


def _encoded(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")
