"""Read the signing keys of a plan part: base64 secrets, ed25519 seeds, PEM private keys.

All raise Invalid `BadSigningKey`; a message never repeats what it read.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pydantic import SecretStr

from jethook_contract.errors import Invalid

SECRET_PREFIX = "whsec_"  # noqa: S105 -- the prefix is public
PRIVATE_PREFIX = "whsk_"
_MAX_KEY_BYTES = 1024
_MAX_PEM_CHARACTERS = 8192
_SEED_BYTES = 32


def shared_secret(key: SecretStr) -> bytes:
    """Decode `whsec_<base64>` or bare base64, padded or not."""
    decoded = _base64(key.get_secret_value().strip().removeprefix(SECRET_PREFIX), form="whsec_<base64>")
    if not decoded or len(decoded) > _MAX_KEY_BYTES:
        raise _bad(f"a signing key is empty or over {_MAX_KEY_BYTES} bytes; 24 to 64 are usual")
    return decoded


def text_secret(key: SecretStr) -> bytes:
    """Take the text itself, without the line break at its end that `echo` and editors leave."""
    encoded = key.get_secret_value().rstrip("\r\n").encode()
    if not encoded or len(encoded) > _MAX_KEY_BYTES:
        raise _bad(f"an HMAC key is empty or over {_MAX_KEY_BYTES} bytes")
    return encoded


def ed25519_seed(key: SecretStr) -> Ed25519PrivateKey:
    """Decode `whsk_<base64>`: a seed of 32 bytes, or seed and public key, 64 (Standard Webhooks, v1a)."""
    decoded = _base64(key.get_secret_value().strip().removeprefix(PRIVATE_PREFIX), form="whsk_<base64>")
    if len(decoded) not in {_SEED_BYTES, 2 * _SEED_BYTES}:
        raise _bad("a whsk_ signing key has neither 32 bytes (the seed) nor 64 (seed and public key)")
    private = Ed25519PrivateKey.from_private_bytes(decoded[:_SEED_BYTES])
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    if decoded[_SEED_BYTES:] not in {b"", public}:
        raise _bad("the two halves of a whsk_ signing key do not belong together; make the key anew")
    return private


def pem_ed25519(key: SecretStr) -> Ed25519PrivateKey:
    """Read an ed25519 private key, PEM (PKCS 8)."""
    private = _pem(key)
    if not isinstance(private, Ed25519PrivateKey):
        raise _bad("a signing key is no ed25519 key: openssl genpkey -algorithm ed25519 makes one")
    return private


def pem_p256(key: SecretStr) -> EllipticCurvePrivateKey:
    """Read an ECDSA private key on the curve P-256, PEM (PKCS 8)."""
    private = _pem(key)
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise _bad(
            "a signing key is no P-256 key: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 makes one"
        )
    return private


def _pem(key: SecretStr) -> object:
    text = key.get_secret_value()
    if len(text) > _MAX_PEM_CHARACTERS:
        raise _bad(f"a PEM signing key is over {_MAX_PEM_CHARACTERS} characters")
    try:
        return load_pem_private_key(text.strip().encode(), password=None)
    # TypeError is what an encrypted key gives. The text of the library stays out: it may quote the key.
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise _bad("a signing key is no unencrypted PEM private key; write it as PKCS 8") from exc


def _base64(text: str, *, form: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _bad(f"a signing key is no base64; write it as {form}") from exc


def _bad(message: str) -> Invalid:
    return Invalid("BadSigningKey", message)
