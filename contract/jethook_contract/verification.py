"""Verify what Jethook sends: Standard Webhooks v1 signatures, for receivers and tests.

Source: the Standard Webhooks specification, "Verifying signatures": HMAC-SHA256 over `id.timestamp.body`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping

from pydantic import SecretStr

from jethook_contract.errors import Invalid

TOLERANCE_SECONDS = 300
_PREFIX = "whsec_"
_MAX_SIGNATURES = 32


def verify(headers: Mapping[str, str], body: bytes, *, keys: Iterable[SecretStr], now: float) -> None:
    """Accept a delivery, or raise Invalid that says which header is at fault.

    `headers`: names in lower case. `keys`: `whsec_<base64>` or bare base64; any one may match. `now`: Unix time in
    seconds; a timestamp more than `TOLERANCE_SECONDS` away is refused, which bounds replays.
    """
    message_id, timestamp, signatures = (_header(headers, f"webhook-{part}") for part in _PARTS)
    if not timestamp.isascii() or not timestamp.isdigit():
        raise Invalid("BadTimestamp", "header webhook-timestamp is no Unix time in whole seconds")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise Invalid("StaleTimestamp", f"header webhook-timestamp is over {TOLERANCE_SECONDS} s away from our clock")
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = [hmac.new(_key_bytes(key), signed, hashlib.sha256).digest() for key in keys]
    for given in _v1_signatures(signatures):
        if any(hmac.compare_digest(given, one) for one in expected):
            return
    raise Invalid("SignatureMismatch", "no v1 signature in header webhook-signature fits the body and a known key")


_PARTS = ("id", "timestamp", "signature")


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise Invalid("MissingHeader", f"header {name} is missing")
    return value


def _key_bytes(key: SecretStr) -> bytes:
    try:
        return base64.b64decode(key.get_secret_value().removeprefix(_PREFIX), validate=True)
    except binascii.Error as exc:
        raise Invalid("BadSigningKey", "a key is no base64; write it as whsec_<base64>") from exc


def _v1_signatures(header: str) -> Iterable[bytes]:
    for entry in header.split(" ")[:_MAX_SIGNATURES]:
        version, _, encoded = entry.partition(",")
        if version == "v1":
            try:
                yield base64.b64decode(encoded, validate=True)
            except binascii.Error:
                continue
