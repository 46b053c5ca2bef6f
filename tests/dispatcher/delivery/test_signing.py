"""Standard Webhooks v1 and v1a signatures."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.plan import SigningKey
from jethook_contract.verification import verify
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


# The vector of the Go reference library: standard-webhooks/standard-webhooks, libraries/go/webhook_asymmetric_test.go.
SEED = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
SEED_SIGNATURE = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="


def test_published_v1a_vector_is_met_beside_v1() -> None:
    signature = signer(SEED, KEY).sign(
        b'{"test": 2432232314}', webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330
    )
    assert signature == f"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= {SEED_SIGNATURE}"


def test_seed_with_its_public_key_is_the_same_key() -> None:
    seed = base64.b64decode(SEED.removeprefix("whsk_"))
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    both = "whsk_" + base64.b64encode(seed + public).decode()
    assert " " not in signer(SEED, both).sign(b"{}", webhook_id="m", timestamp=1)


@pytest.mark.parametrize("key", ["whsk_", "whsk_AAAA", "whsk_?", "whsk_" + base64.b64encode(bytes(64)).decode()])
def test_bad_private_key_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(Invalid, match="BadSigningKey") as caught:
        signer(key)
    assert key == "whsk_" or key not in str(caught.value)


@given(body=st.binary(), seed=st.binary(min_size=32, max_size=32), timestamp=st.integers(0, 10**11))
def test_receiver_with_the_public_key_accepts_any_body(body: bytes, seed: bytes, timestamp: int) -> None:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signer(KEY, "whsk_" + base64.b64encode(seed).decode()).sign(
            body, webhook_id="msg_1", timestamp=timestamp
        ),
    }
    key = SecretStr("whpk_" + base64.b64encode(public).decode())
    verified = verify(headers, body, keys=[SecretStr(OTHER), key], now=timestamp)
    assert (verified.scheme, verified.key) == ("v1a", 1)
