"""Receivers accept what carries a valid Standard Webhooks signature, and nothing else."""

from __future__ import annotations

import base64
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
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
    verified = verify({**HEADERS, **headers}, body, keys=keys, now=now)
    assert keys[verified.key] == KEY
    assert (verified.scheme, verified.timestamp) == ("v1", NOW)


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
        pytest.param({"webhook-timestamp": "9" * 5000}, BODY, [KEY], NOW, "BadTimestamp", id="endless time"),
        pytest.param({"webhook-signature": "v1,A" * 9000}, BODY, [KEY], NOW, "BadHeader", id="endless header"),
        pytest.param(
            {"webhook-signature": HEADERS["webhook-signature"].replace("v1,", "v2,")},
            BODY, [KEY], NOW, "SignatureMismatch", id="another version",
        ),
        pytest.param({}, BODY, [], NOW, "SignatureMismatch", id="no key"),
        pytest.param({}, BODY, [SecretStr("whsec_?")], NOW, "BadSigningKey", id="a broken key"),
        pytest.param({}, BODY, [SecretStr("whsec_")], NOW, "BadSigningKey", id="an empty key"),
        pytest.param({}, BODY, [SecretStr("whsk_" + "A" * 43)], NOW, "BadSigningKey", id="a private key"),
    ],
)  # fmt: skip
def test_an_invalid_delivery_is_refused_with_the_reason(
    headers: dict[str, str], body: bytes, keys: list[SecretStr], now: int, reason: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        verify({**HEADERS, **headers}, body, keys=keys, now=now)
    assert refusal.value.reason == reason
    assert all(key.get_secret_value() not in str(refusal.value) for key in keys)


# The vector of the Go reference library: standard-webhooks/standard-webhooks, libraries/go/webhook_asymmetric_test.go;
# the public key follows from its seed.
V1A = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
PUBLIC = Ed25519PrivateKey.from_private_bytes(b"TESTSIGNINGKEYDONOTUSETHISFORANY").public_key()
WHPK = SecretStr("whpk_" + base64.b64encode(PUBLIC.public_bytes_raw()).decode())


@pytest.mark.parametrize(
    "key",
    [WHPK, SecretStr(PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())],
    ids=["whpk_", "PEM"],
)
def test_the_published_v1a_vector_is_accepted(key: SecretStr) -> None:
    headers = {**HEADERS, "webhook-signature": f"{HEADERS['webhook-signature']} {V1A}"}
    assert verify(headers, BODY, keys=[OTHER, key], now=NOW).scheme == "v1a"


def test_a_v1_signature_made_with_the_public_key_as_secret_is_refused() -> None:
    forged = hmac.digest(PUBLIC.public_bytes_raw(), f"{HEADERS['webhook-id']}.{NOW}.".encode() + BODY, "sha256")
    headers = {**HEADERS, "webhook-signature": "v1," + base64.b64encode(forged).decode()}
    with pytest.raises(Invalid, match="SignatureMismatch"):
        verify(headers, BODY, keys=[WHPK], now=NOW)


def test_names_of_headers_may_have_any_case() -> None:
    assert verify({name.title(): value for name, value in HEADERS.items()}, BODY, keys=[KEY], now=NOW)


def test_no_tolerance_accepts_any_time() -> None:
    assert verify(HEADERS, BODY, keys=[KEY], now=NOW + 10**6, tolerance_seconds=None).timestamp == NOW
