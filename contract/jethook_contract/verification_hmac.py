"""Verify one header that carries the HMAC of the body, as GitHub, Stripe, Shopify and many others send it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.secrets import HmacHeader
from jethook_contract.verification_headers import TOLERANCE_SECONDS, Verified, check_time, header_of, unix_time
from jethook_contract.verification_keys import text_key

GITHUB = HmacHeader(header="X-Hub-Signature-256", prefix="sha256=")
STRIPE = HmacHeader(header="Stripe-Signature", prefix="v1=", signs_timestamp=True, timestamp_prefix="t=", several=True)
SHOPIFY = HmacHeader(header="X-Shopify-Hmac-Sha256", encoding="Base64")
FORMS: Mapping[str, HmacHeader] = MappingProxyType({"GitHub": GITHUB, "Stripe": STRIPE, "Shopify": SHOPIFY})

_HASHES = MappingProxyType({"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512})
_MAX_SIGNATURES = 32


def verify_hmac(
    headers: Mapping[str, str],
    body: bytes,
    *,
    form: HmacHeader,
    keys: Iterable[SecretStr],
    now: float,
    tolerance_seconds: float | None = TOLERANCE_SECONDS,
) -> Verified:
    """Accept a request and say which key fits, or raise Invalid that says which header is at fault.

    `form`: `GITHUB`, `STRIPE`, `SHOPIFY` or your own. `keys`: the secret's text itself; any one may match. `now`: Unix
    time in seconds. Only a form that signs its time bounds replays: `tolerance_seconds`, None for any time. Where the
    header holds no time of its own, the signed one is `webhook-timestamp`.
    """
    value = header_of(headers, form.header)
    head, timestamp = b"", None
    if form.signs_timestamp:
        named = form.header if form.timestamp_prefix else "webhook-timestamp"
        text = _time_in(value, form=form) if form.timestamp_prefix else header_of(headers, named)
        timestamp = unix_time(text, header=named)
        check_time(timestamp, header=named, now=now, tolerance_seconds=tolerance_seconds)
        head = f"{text}.".encode()
    signed = head + body
    expected = [hmac.digest(text_key(key), signed, _HASHES[form.hash]) for key in keys]
    for given in _signatures(value, form=form):
        for position, one in enumerate(expected):
            if hmac.compare_digest(given, one):
                return Verified(scheme="HMAC", key=position, timestamp=timestamp)
    raise Invalid("SignatureMismatch", f"no signature in header {form.header} fits the body and a known key")


def _time_in(value: str, *, form: HmacHeader) -> str:
    for item in value.split(",")[: _MAX_SIGNATURES + 1]:
        if item.strip().startswith(form.timestamp_prefix):
            return item.strip().removeprefix(form.timestamp_prefix)
    raise Invalid(
        "BadTimestamp", f"header {form.header} holds no time: {form.timestamp_prefix}<Unix seconds> is missing"
    )


def _signatures(value: str, *, form: HmacHeader) -> Iterable[bytes]:
    for item in value.split(",")[: _MAX_SIGNATURES + 1]:
        text = item.strip()
        if not text.startswith(form.prefix):
            continue
        encoded = text.removeprefix(form.prefix)
        try:
            yield bytes.fromhex(encoded) if form.encoding == "Hex" else base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue
