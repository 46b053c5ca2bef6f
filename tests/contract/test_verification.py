"""Receivers accept what carries a valid Standard Webhooks signature, and nothing else."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.verification import verify

# The vector of the Standard Webhooks project's own libraries.
KEY = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OTHER = SecretStr("whsec_" + "A" * 32)
BODY = b'{"test": 2432232314}'
NOW = 1614265330
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


@pytest.mark.parametrize(
    ("headers", "body", "keys", "now"),
    [
        pytest.param({}, BODY, [KEY], NOW, id="the published vector"),
        pytest.param({}, BODY, [OTHER, KEY], NOW, id="any known key, during a rotation"),
        pytest.param({}, BODY, [KEY], NOW + 299, id="a clock within the tolerance"),
        pytest.param(
            {"webhook-signature": f"v1a,AAAA v1,!!! {HEADERS['webhook-signature']}"}, BODY, [KEY], NOW, id="others too"
        ),
    ],
)
def test_a_valid_delivery_is_accepted(headers: dict[str, str], body: bytes, keys: list[SecretStr], now: int) -> None:
    assert verify({**HEADERS, **headers}, body, keys=keys, now=now) is None


@pytest.mark.parametrize(
    ("headers", "body", "keys", "now", "reason"),
    [
        pytest.param({}, BODY + b" ", [KEY], NOW, "SignatureMismatch", id="changed body"),
        pytest.param({}, BODY, [OTHER], NOW, "SignatureMismatch", id="another key"),
        pytest.param({"webhook-id": "msg_2"}, BODY, [KEY], NOW, "SignatureMismatch", id="another id"),
        pytest.param({"webhook-timestamp": str(NOW + 1)}, BODY, [KEY], NOW, "SignatureMismatch", id="another time"),
        pytest.param({}, BODY, [KEY], NOW + 301, "StaleTimestamp", id="replayed later"),
        pytest.param({}, BODY, [KEY], NOW - 301, "StaleTimestamp", id="from the future"),
        pytest.param({"webhook-timestamp": "-5"}, BODY, [KEY], NOW, "BadTimestamp", id="no time"),
        pytest.param({"webhook-signature": ""}, BODY, [KEY], NOW, "MissingHeader", id="no signature"),
        pytest.param({}, BODY, [SecretStr("whsec_?")], NOW, "BadSigningKey", id="a broken key"),
    ],
)
def test_an_invalid_delivery_is_refused_with_the_reason(
    headers: dict[str, str], body: bytes, keys: list[SecretStr], now: int, reason: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        verify({**HEADERS, **headers}, body, keys=keys, now=now)
    assert refusal.value.reason == reason
    assert all(key.get_secret_value() not in str(refusal.value) for key in keys)
