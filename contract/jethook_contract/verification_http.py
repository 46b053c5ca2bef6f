"""Verify HTTP message signatures (RFC 9421) with `Content-Digest` (RFC 9530) on requests."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.verification_headers import TOLERANCE_SECONDS, Verified, check_time, header_of
from jethook_contract.verification_http_input import SignatureInput, byte_members, signature_inputs
from jethook_contract.verification_keys import VerificationKey, verification_key

REQUIRED_COMPONENTS = ("@method", "@target-uri", "content-digest")

_DIGESTS = MappingProxyType({"sha-256": hashlib.sha256, "sha-512": hashlib.sha512})
_DEFAULT_PORTS = MappingProxyType({"http": 80, "https": 443})
_P256_BYTES = 32


def verify_http(
    headers: Mapping[str, str],
    body: bytes,
    *,
    method: str,
    url: str,
    keys: Iterable[SecretStr],
    now: float,
    key_id: str | None = None,
    required: Iterable[str] = REQUIRED_COMPONENTS,
    tolerance_seconds: float | None = TOLERANCE_SECONDS,
) -> Verified:
    """Accept a request of which one signature holds, or raise Invalid that says which header is at fault.

    `url`: as the sender wrote it, with scheme and host; behind a proxy that is not what the server sees. `keys`: PEM
    public keys (ed25519, P-256), `whpk_<base64>`, or base64 of a secret for hmac-sha256; any one may match, and the
    key decides on the algorithm. `key_id`: the only `keyid` to accept; None: any. `required`: what a signature must
    cover at least. `now`: Unix time in seconds; `created` must be within `tolerance_seconds`, None: no matter when.
    """
    inputs = signature_inputs(header_of(headers, "signature-input"))
    signatures = byte_members(header_of(headers, "signature"), header="signature")
    parsed = [verification_key(key) for key in keys]
    needed = frozenset(required)
    value_of = _component_values(headers, method=method, url=url)
    faults: list[Invalid] = []
    for label, one in inputs.items():
        try:
            created = _accepted(one, label=label, key_id=key_id, needed=needed, now=now, tolerance=tolerance_seconds)
            if "content-digest" in one.components:
                _check_digest(header_of(headers, "content-digest"), body=body)
            base = signature_base(one, value_of=value_of)
            return _fitting(base, signatures.get(label), keys=parsed, one=one, created=created)
        except Invalid as exc:
            faults.append(exc)
    raise faults[0]


def signature_base(one: SignatureInput, *, value_of: Callable[[str], str]) -> bytes:
    """Write what is signed: a line for each component, then the parameters (RFC 9421, section 2.5)."""
    lines = [f'"{name}": {value_of(name)}' for name in one.components]
    text = "\n".join([*lines, f'"@signature-params": {one.encoded()}'])
    if not text.isascii() or text.count("\n") != len(lines):
        raise Invalid("BadHeader", "header signature-input: a covered component holds a line break or is no ASCII")
    return text.encode("ascii")


def fits(key: VerificationKey, *, signature: bytes, base: bytes) -> bool:
    """Tell whether `signature` is that of `key` over `base`."""
    if isinstance(key, bytes):
        return hmac.compare_digest(hmac.digest(key, base, hashlib.sha256), signature)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, base)
            return True
        if len(signature) != 2 * _P256_BYTES:
            return False
        # RFC 9421, section 3.3.4: r and s side by side; the library wants DER.
        r, s = (int.from_bytes(half, "big") for half in (signature[:_P256_BYTES], signature[_P256_BYTES:]))
        key.verify(encode_dss_signature(r, s), base, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _accepted(
    one: SignatureInput, *, label: str, key_id: str | None, needed: frozenset[str], now: float, tolerance: float | None
) -> int | None:
    """Judge what a signature says of itself; gives its `created`."""
    missing = sorted(needed - set(one.components))
    if missing:
        raise Invalid("NotCovered", f"header signature-input: {label} does not cover {', '.join(missing)}")
    if key_id is not None and one.parameter("keyid") != key_id:
        raise Invalid("UnknownKey", f"header signature-input: {label} names another keyid than {key_id}")
    created, expires = one.parameter("created"), one.parameter("expires")
    if tolerance is not None:
        if not isinstance(created, int):
            raise Invalid("BadTimestamp", f"header signature-input: {label} has no time in created")
        check_time(created, header="signature-input", now=now, tolerance_seconds=tolerance)
        if expires is not None and (not isinstance(expires, int) or now > expires):
            raise Invalid("StaleTimestamp", f"header signature-input: {label} has expired")
    return created if isinstance(created, int) else None


def _fitting(
    base: bytes, signature: bytes | None, *, keys: list[VerificationKey], one: SignatureInput, created: int | None
) -> Verified:
    if signature is None:
        raise Invalid("MissingHeader", "header signature lacks a label that signature-input has")
    named = one.parameter("alg")
    for position, key in enumerate(keys):
        # The key decides on the algorithm, never the message: a public key must not become an HMAC secret.
        algorithm = _algorithm_of(key)
        if named in {None, algorithm} and fits(key, signature=signature, base=base):
            return Verified(scheme=algorithm, key=position, timestamp=created)
    raise Invalid("SignatureMismatch", "no signature in header signature fits what it covers and a known key")


def _algorithm_of(key: VerificationKey) -> str:
    if isinstance(key, bytes):
        return "hmac-sha256"
    return "ed25519" if isinstance(key, Ed25519PublicKey) else "ecdsa-p256-sha256"


def _check_digest(value: str, *, body: bytes) -> None:
    known = {name: one for name, one in byte_members(value, header="content-digest").items() if name in _DIGESTS}
    if not known:
        raise Invalid("BadDigest", "header content-digest has neither sha-256 nor sha-512")
    if not all(hmac.compare_digest(_DIGESTS[name](body).digest(), one) for name, one in known.items()):
        raise Invalid("BadDigest", "header content-digest does not fit the body")


def _component_values(headers: Mapping[str, str], *, method: str, url: str) -> Callable[[str], str]:
    try:
        parts = urlsplit(url)
        authority = _authority(parts)
    except ValueError as exc:
        raise Invalid("BadRequest", "the URL given to verify against is none") from exc
    path, query = parts.path or "/", f"?{parts.query}"
    target = path + (query if parts.query else "")
    derived = {
        "@method": method.upper(),
        "@scheme": parts.scheme,
        "@authority": authority,
        "@path": path,
        "@query": query,
        "@request-target": target,
        "@target-uri": f"{parts.scheme}://{authority}{target}",
    }

    def value_of(name: str) -> str:
        if not name.startswith("@"):
            return header_of(headers, name)
        if name not in derived:
            raise Invalid("BadHeader", f"header signature-input: component {name[:40]} is not known for a request")
        return derived[name]

    return value_of


def _authority(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    shown = f"[{host}]" if ":" in host else host
    return shown if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f"{shown}:{parts.port}"
