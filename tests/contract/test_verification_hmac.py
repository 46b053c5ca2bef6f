"""Receivers accept what carries a valid HMAC header, and nothing else."""

from __future__ import annotations

import base64
import hmac

import pytest
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.secrets import HmacHeader
from jethook_contract.verification_hmac import GITHUB, SHOPIFY, STRIPE, verify_hmac

NOW = 1614265330
KEY = SecretStr("It's a Secret to Everybody")
OTHER = SecretStr("another")
BODY = b"Hello, World!"
# GitHub's documentation, "Validating webhook deliveries", gives this secret, body and value.
GITHUB_VALUE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def mac(signed: bytes, *, key: SecretStr = KEY, algorithm: str = "sha256") -> bytes:
    return hmac.digest(key.get_secret_value().encode(), signed, algorithm)


STRIPE_MAC = mac(f"{NOW}.".encode() + BODY).hex()
STRIPE_VALUE = f"t={NOW},v1={STRIPE_MAC}"
OWN = HmacHeader(header="X-Sig", hash="SHA512", encoding="Base64", signs_timestamp=True)
OWN_MAC = base64.b64encode(mac(f"{NOW}.".encode() + BODY, algorithm="sha512")).decode()


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        (GITHUB, {"x-hub-signature-256": GITHUB_VALUE}),
        (SHOPIFY, {"X-Shopify-Hmac-SHA256": base64.b64encode(mac(BODY)).decode()}),
        (STRIPE, {"Stripe-Signature": STRIPE_VALUE}),
        (STRIPE, {"Stripe-Signature": f"t={NOW}, v1={'0' * 64}, v1={STRIPE_MAC}, v0=zz"}),
        (OWN, {"x-sig": OWN_MAC, "webhook-timestamp": str(NOW)}),
        (HmacHeader(header="x", hash="SHA1"), {"x": mac(BODY, algorithm="sha1").hex().upper()}),
    ],
)
def test_a_valid_request_is_accepted_by_any_known_key(form: HmacHeader, headers: dict[str, str]) -> None:
    verified = verify_hmac(headers, BODY, form=form, keys=[OTHER, SecretStr(KEY.get_secret_value() + "\n")], now=NOW)
    assert (verified.scheme, verified.key) == ("HMAC", 1)
    assert verified.timestamp == (NOW if form.signs_timestamp else None)


@pytest.mark.parametrize(
    ("form", "value", "now", "reason"),
    [
        (GITHUB, GITHUB_VALUE[:-1] + "8", NOW, "SignatureMismatch"),
        (GITHUB, GITHUB_VALUE.removeprefix("sha256="), NOW, "SignatureMismatch"),
        (GITHUB, "sha256=zz", NOW, "SignatureMismatch"),
        (GITHUB, "", NOW, "MissingHeader"),
        (GITHUB, "sha256=" + "0" * 20000, NOW, "BadHeader"),
        (STRIPE, STRIPE_VALUE, NOW + 301, "StaleTimestamp"),
        (STRIPE, STRIPE_VALUE, NOW - 301, "StaleTimestamp"),
        (STRIPE, f"t={NOW + 1},v1={STRIPE_MAC}", NOW, "SignatureMismatch"),
        (STRIPE, f"v1={STRIPE_MAC}", NOW, "BadTimestamp"),
        (STRIPE, f"t=-5,v1={STRIPE_MAC}", NOW, "BadTimestamp"),
        (STRIPE, f"t={NOW}", NOW, "SignatureMismatch"),
        (OWN, OWN_MAC, NOW, "MissingHeader"),
    ],
)
def test_an_invalid_request_is_refused_with_the_reason(form: HmacHeader, value: str, now: int, reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        verify_hmac({form.header: value}, BODY, form=form, keys=[KEY], now=now)
    assert refusal.value.reason == reason
    assert "header" in refusal.value.message
    assert "Secret to" not in refusal.value.message
