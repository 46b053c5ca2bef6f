"""Standard Webhooks v1 signatures."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.plan import SigningKey
from jethook_dispatcher.core.signing import Signer

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def signer(*keys: str) -> Signer:
    return Signer([SigningKey(keys=tuple(map(SecretStr, keys)))])


def test_published_vector_is_met() -> None:
    signature = signer(KEY).sign(
        b'{"test": 2432232314}', webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_rotation_signs_with_the_current_key_first_and_the_previous_too() -> None:
    both = signer(KEY, OTHER).sign(b"{}", webhook_id="m", timestamp=1)
    assert both.split(" ") == [signer(key).sign(b"{}", webhook_id="m", timestamp=1) for key in (KEY, OTHER)]


def test_equal_keys_sign_once() -> None:
    assert " " not in signer(KEY, KEY).sign(b"{}", webhook_id="m", timestamp=1)


def test_no_key_gives_no_signature() -> None:
    assert signer().sign(b"{}", webhook_id="m", timestamp=1) == ""


def test_bare_and_unpadded_base64_are_the_same_key() -> None:
    encoded = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    forms = (encoded, encoded.rstrip("="), f"whsec_{encoded}", f"whsec_{encoded}\n")
    assert len({signer(form).sign(b"{}", webhook_id="m", timestamp=1) for form in forms}) == 1


@pytest.mark.parametrize("key", ["", "whsec_", "not base64!", "whsec_%%%", "A", "whsec_" + "QUFB" * 400])
def test_bad_key_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(Invalid) as caught:
        signer(key)
    assert caught.value.reason == "BadSigningKey"
    assert not key or key not in str(caught.value)


@given(body=st.text().map(str.encode), key=st.binary(min_size=1, max_size=64))
def test_the_standard_library_of_receivers_verifies_any_body(body: bytes, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    timestamp = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signer(OTHER, secret).sign(body, webhook_id="msg_1", timestamp=timestamp),
    }
    standardwebhooks.Webhook(secret).verify(body, headers, json_parse=False)
