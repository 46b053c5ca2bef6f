"""Read the keys that a receiver holds: shared secrets and public keys.

All raise Invalid `BadSigningKey`; a message never repeats what it read.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import SecretStr

from jethook_contract.errors import Invalid

SECRET_PREFIX = "whsec_"  # noqa: S105 -- the prefix is public
PUBLIC_PREFIX = "whpk_"
_PRIVATE_PREFIX = "whsk_"
_PRIVATE_PEM = "PRIVATE KEY-----"
_PEM = "-----BEGIN "
_MAX_KEY_CHARACTERS = 8192

VerificationKey = bytes | Ed25519PublicKey | EllipticCurvePublicKey


def verification_key(key: SecretStr) -> VerificationKey:
    """Read `whsec_<base64>` or bare base64 as a shared secret, `whpk_<base64>` or PEM as a public key."""
    text = key.get_secret_value().strip()
    if len(text) > _MAX_KEY_CHARACTERS:
        raise _bad(f"a key is over {_MAX_KEY_CHARACTERS} characters")
    if text.startswith(_PRIVATE_PREFIX) or _PRIVATE_PEM in text:
        raise _bad("a key is a private key, which belongs to the sender alone; give its public key")
    if text.startswith(PUBLIC_PREFIX):
        return _ed25519(text.removeprefix(PUBLIC_PREFIX))
    if text.startswith(_PEM):
        return _pem(text)
    return _shared(text.removeprefix(SECRET_PREFIX))


def text_key(key: SecretStr) -> bytes:
    """Take the text itself, without a line break at its end, as the key of an HMAC header."""
    text = key.get_secret_value().rstrip("\r\n")
    if not text or len(text) > _MAX_KEY_CHARACTERS:
        raise _bad(f"an HMAC key is empty or over {_MAX_KEY_CHARACTERS} characters")
    return text.encode()


def _shared(text: str) -> bytes:
    decoded = _base64(text, form="whsec_<base64>")
    if not decoded:
        raise _bad("a key is empty")
    return decoded


def _ed25519(text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(_base64(text, form="whpk_<base64>"))
    except ValueError as exc:
        raise _bad("a whpk_ key has not the 32 bytes of an ed25519 public key") from exc


def _pem(text: str) -> VerificationKey:
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise _bad("a key is no PEM public key; `openssl pkey -pubout` writes one") from exc
    if isinstance(key, Ed25519PublicKey) or (
        isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
    ):
        return key
    raise _bad("a PEM public key is neither ed25519 nor ECDSA on P-256")


def _base64(text: str, *, form: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _bad(f"a key is no base64; write it as {form}") from exc


def _bad(message: str) -> Invalid:
    return Invalid("BadSigningKey", message)
