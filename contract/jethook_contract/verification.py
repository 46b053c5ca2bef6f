"""Verify Standard Webhooks signatures, v1 (HMAC-SHA256) and v1a (ed25519), for receivers and tests.

Other schemes: `verification_http` (RFC 9421) and `verification_hmac` (one header, as GitHub, Stripe, Shopify have it).
Source: the Standard Webhooks specification, "Verifying signatures": both sign `id.timestamp.body`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.verification_headers import TOLERANCE_SECONDS, Verified, check_time, header_of, unix_time
from jethook_contract.verification_keys import verification_key

__all__ = ["TOLERANCE_SECONDS", "Verified", "verify"]

_MAX_SIGNATURES = 32
_Fits = Callable[[bytes], bool]


def verify(
    headers: Mapping[str, str],
    body: bytes,
    *,
    keys: Iterable[SecretStr],
    now: float,
    tolerance_seconds: float | None = TOLERANCE_SECONDS,
) -> Verified:
    """Accept a delivery and say which key fits, or raise Invalid that says which header is at fault.

    `headers`: names in any case. `body`: the bytes as they came, before any parsing. `keys`: `whsec_<base64>` or bare
    base64 for v1, `whpk_<base64>` or a PEM public key for v1a; any one may match. `now`: Unix time in seconds; a
    timestamp more than `tolerance_seconds` away is refused, which bounds replays; None accepts any.
    """
    message_id, timestamp, signatures = (header_of(headers, f"webhook-{part}") for part in _PARTS)
    signed_at = unix_time(timestamp, header="webhook-timestamp")
    check_time(signed_at, header="webhook-timestamp", now=now, tolerance_seconds=tolerance_seconds)
    signed = f"{message_id}.{timestamp}.".encode(errors="surrogateescape") + body
    checks = [_check_of(key, signed=signed) for key in keys]
    for version, given in _signatures(signatures):
        for position, (scheme, fits) in enumerate(checks):
            if scheme == version and fits(given):
                return Verified(scheme=scheme, key=position, timestamp=signed_at)
    known = " or ".join(sorted({scheme for scheme, _ in checks})) or "known"
    raise Invalid(
        "SignatureMismatch", f"no {known} signature in header webhook-signature fits the body and a known key"
    )


_PARTS = ("id", "timestamp", "signature")


def _check_of(key: SecretStr, *, signed: bytes) -> tuple[str, _Fits]:
    parsed = verification_key(key)
    if isinstance(parsed, bytes):
        expected = hmac.digest(parsed, signed, hashlib.sha256)
        return "v1", lambda given: hmac.compare_digest(given, expected)
    if isinstance(parsed, Ed25519PublicKey):
        public = parsed
        return "v1a", lambda given: _is_ed25519(given, public=public, signed=signed)
    raise Invalid("BadSigningKey", "a key is no ed25519 key, as v1a needs it")


def _is_ed25519(given: bytes, *, public: Ed25519PublicKey, signed: bytes) -> bool:
    try:
        public.verify(given, signed)
    except InvalidSignature:
        return False
    return True


def _signatures(header: str) -> Iterable[tuple[str, bytes]]:
    for entry in header.split(" ")[:_MAX_SIGNATURES]:
        version, _, encoded = entry.partition(",")
        try:
            yield version, base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue
