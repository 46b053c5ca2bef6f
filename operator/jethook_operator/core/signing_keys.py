"""The keys of an endpoint's signatures, checked as their schemes need them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from jethook_contract.secrets import HmacHeader, HttpSignature, SignatureAlgorithm, SigningKey
from jethook_operator.api.signing import PRESET_HEADERS, HMACHeader, Preset, Signing
from jethook_operator.core.secret_lookup import Secrets, find_secret, find_value, invalid_key, without_line_end

CURRENT_KEY = "current"
PREVIOUS_KEY = "previous"

_SHARED_PREFIX = "whsec_"
_PRIVATE_PREFIX = "whsk_"
_PEM_BEGIN = "-----BEGIN PRIVATE KEY-----"
_PEM_CURE = "write a private key in PEM (PKCS 8, not encrypted), as made by"
_SEED_BYTES = 32
_MAX_KEY_BYTES = 1024  # of a shared secret; 24 to 64 are usual
_MAX_CHARACTERS = 8192

_PRESETS: Mapping[Preset, HmacHeader] = {
    "GitHub": HmacHeader(header=PRESET_HEADERS["GitHub"], prefix="sha256="),
    "Stripe": HmacHeader(
        header=PRESET_HEADERS["Stripe"], prefix="v1=", signs_timestamp=True, timestamp_prefix="t=", several=True
    ),
    "Shopify": HmacHeader(header=PRESET_HEADERS["Shopify"], encoding="Base64"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """`fault` gives what is wrong with a key, as the end of a sentence; empty when nothing is."""

    fault: Callable[[str], str]
    read: Callable[[SecretStr], SecretStr]


def signing_key(signing: Signing, *, field: str, secrets: Secrets) -> SigningKey:
    """Give one signature's keys, the current first; raises Waiting that names `field`, Secret, key and cure."""
    field = f"{field}.secretRef"
    name, kind = signing.secret_ref.name, _kind(signing)
    secret = find_secret(name, field=field, secrets=secrets)
    keys = []
    for key in (CURRENT_KEY, PREVIOUS_KEY) if PREVIOUS_KEY in secret.data else (CURRENT_KEY,):
        value = kind.read(find_value(secret, key=key, field=field, max_characters=_MAX_CHARACTERS))
        if fault := kind.fault(value.get_secret_value()):
            raise invalid_key(name, key=key, field=field, fault=fault)
        keys.append(value)
    return SigningKey(scheme=signing.scheme, keys=tuple(keys), http=_http(signing), hmac=_hmac(signing))


def signs_with_all(key: SigningKey) -> bool:
    """Tell whether a request carries a signature by each key, so that a receiver may know either."""
    return key.hmac is None or key.hmac.several


def _http(signing: Signing) -> HttpSignature | None:
    if signing.http is None:
        return None
    return HttpSignature(algorithm=signing.http.algorithm, key_id=signing.http.key_id)


def _hmac(signing: Signing) -> HmacHeader | None:
    if signing.hmac is None:
        return None
    return _PRESETS[signing.hmac.preset] if signing.hmac.preset is not None else _own_header(signing.hmac)


def _own_header(hmac: HMACHeader) -> HmacHeader:
    return HmacHeader(
        header=hmac.written_header(),
        hash=hmac.hash or "SHA256",
        encoding=hmac.encoding or "Hex",
        prefix=hmac.prefix or "",
        signs_timestamp=hmac.signs_timestamp or False,
        timestamp_prefix=hmac.timestamp_prefix or "",
        several=hmac.several or False,
    )


def _kind(signing: Signing) -> _Kind:
    if signing.http is not None:
        return _BY_ALGORITHM[signing.http.algorithm]
    return _TEXT if signing.hmac is not None else _STANDARD


def _stripped(value: SecretStr) -> SecretStr:
    return SecretStr(value.get_secret_value().strip())


def _standard_fault(text: str) -> str:
    return _seed_fault(text) if text.startswith(_PRIVATE_PREFIX) else _shared_fault(text)


def _shared_fault(text: str) -> str:
    decoded = _base64(text.removeprefix(_SHARED_PREFIX))
    if not decoded:
        return "is no base64; write whsec_ and the base64 of 24 to 64 bytes"
    return "" if len(decoded) <= _MAX_KEY_BYTES else f"is over {_MAX_KEY_BYTES} bytes; 24 to 64 are usual"


def _seed_fault(text: str) -> str:
    decoded = _base64(text.removeprefix(_PRIVATE_PREFIX))
    if len(decoded) not in {_SEED_BYTES, 2 * _SEED_BYTES}:
        return "is no ed25519 key; write whsk_ and the base64 of its seed (32 bytes), or of seed and public key (64)"
    public = Ed25519PrivateKey.from_private_bytes(decoded[:_SEED_BYTES]).public_key().public_bytes_raw()
    if decoded[_SEED_BYTES:] not in {b"", public}:
        return "holds a public key that does not belong to its seed; write whsk_ and the base64 of the seed alone"
    return ""


def _text_fault(text: str) -> str:
    size = len(text.encode("utf-8", errors="surrogatepass"))
    good = 0 < size <= _MAX_KEY_BYTES
    return "" if good else f"is empty or over {_MAX_KEY_BYTES} bytes; write the key itself, as text"


def _ed25519_fault(text: str) -> str:
    good = isinstance(_private_key(text), Ed25519PrivateKey)
    return "" if good else f"is no ed25519 key; {_PEM_CURE} openssl genpkey -algorithm ed25519"


def _p256_fault(text: str) -> str:
    key = _private_key(text)
    good = isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)
    made_by = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"
    return "" if good else f"is no P-256 key; {_PEM_CURE} {made_by}"


def _private_key(text: str) -> object:
    if not text.startswith(_PEM_BEGIN):
        return None
    try:
        return load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # their texts may quote the key
        return None


def _base64(text: str) -> bytes:
    """Decode base64, padded or not; empty when it is none."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


_STANDARD = _Kind(fault=_standard_fault, read=_stripped)
_TEXT = _Kind(fault=_text_fault, read=without_line_end)
_BY_ALGORITHM: Mapping[SignatureAlgorithm, _Kind] = {
    "hmac-sha256": _Kind(fault=_shared_fault, read=_stripped),
    "ed25519": _Kind(fault=_ed25519_fault, read=_stripped),
    "ecdsa-p256-sha256": _Kind(fault=_p256_fault, read=_stripped),
}
