"""Signing keys: each scheme's own form, and what is said of a key that has another."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from jethook_contract.errors import Waiting
from jethook_contract.secrets import HmacHeader, HttpSignature, SigningKey
from jethook_operator.core.references import resolve
from tests.operator.core.endpoints import a_secret, an_endpoint

STANDARD: dict[str, Any] = {"scheme": "StandardWebhooks"}
HMAC: dict[str, Any] = {"scheme": "HMAC", "hmac": {"preset": "GitHub"}}
ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SEED, PUBLIC = ED25519.private_bytes_raw(), ED25519.public_key().public_bytes_raw()
P256 = ec.derive_private_key(7, ec.SECP256R1())
P384 = ec.derive_private_key(7, ec.SECP384R1())


def http(algorithm: str) -> dict[str, Any]:
    return {"scheme": "HTTPMessageSignatures", "http": {"algorithm": algorithm, "keyID": "orders-1"}}


def pem(
    key: PrivateKeyTypes,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


def whsk(raw: bytes) -> str:
    return "whsk_" + base64.b64encode(raw).decode()


ENCRYPTED = pem(ED25519, encryption=BestAvailableEncryption(b"p"))


def signed(signing: dict[str, Any], **keys: str) -> SigningKey:
    endpoint = an_endpoint(signing=[{**signing, "secretRef": {"name": "keys"}}])
    (only,) = resolve(endpoint, secrets=a_secret("keys", keys)).signing
    return only


@pytest.mark.parametrize(
    ("signing", "key"),
    [
        (STANDARD, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        (STANDARD, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        (STANDARD, "whsec_YWI"),
        (STANDARD, whsk(SEED)),
        (STANDARD, whsk(SEED + PUBLIC)),
        (http("ed25519"), pem(ED25519)),
        (http("ecdsa-p256-sha256"), pem(P256)),
        (http("hmac-sha256"), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        (HMAC, "it's any text, ключ"),
    ],
)
def test_a_key_of_the_schemes_own_form_is_sealed_as_it_stands(signing: dict[str, Any], key: str) -> None:
    sealed = signed(signing, previous=key + "\n", current=key + "\r\n")
    assert [one.get_secret_value() for one in sealed.keys] == [key.strip()] * 2
    assert sealed.scheme == signing["scheme"]


@pytest.mark.parametrize(
    ("signing", "key", "cure"),
    [
        (STANDARD, "", "is no base64; write whsec_ and the base64 of 24 to 64 bytes"),
        (STANDARD, "whsec_", "is no base64; write whsec_"),
        (STANDARD, "whsec_not base64", "is no base64; write whsec_"),
        (STANDARD, "whpk_" + base64.b64encode(PUBLIC).decode(), "is no base64; write whsec_"),
        (STANDARD, base64.b64encode(b"k" * 1025).decode(), "is over 1024 bytes; 24 to 64 are usual"),
        (STANDARD, whsk(SEED[:31]), "is no ed25519 key; write whsk_ and the base64 of its seed (32 bytes)"),
        (STANDARD, whsk(SEED + PUBLIC[:31]), "is no ed25519 key; write whsk_"),
        (STANDARD, whsk(SEED + SEED), "holds a public key that does not belong to its seed; write whsk_"),
        (STANDARD, "whsk_?", "is no ed25519 key; write whsk_"),
        (http("ed25519"), pem(P256), "is no ed25519 key; write a private key in PEM (PKCS 8, not encrypted)"),
        (http("ed25519"), whsk(SEED), "openssl genpkey -algorithm ed25519"),
        (http("ed25519"), ENCRYPTED, "is no ed25519 key"),
        (http("ed25519"), pem(ED25519)[:60], "is no ed25519 key"),
        (http("ecdsa-p256-sha256"), pem(P384), "is no P-256 key; write a private key in PEM"),
        (http("ecdsa-p256-sha256"), pem(P256, PrivateFormat.TraditionalOpenSSL), "ec_paramgen_curve:P-256"),
        (http("ecdsa-p256-sha256"), pem(ED25519), "is no P-256 key"),
        (http("hmac-sha256"), pem(P256), "is no base64"),
        (HMAC, "\n", "is empty or over 1024 bytes; write the key itself, as text"),
        (HMAC, "k" * 1025, "is empty or over 1024 bytes"),
        (HMAC, "k" * 8193, "is longer than 8192 characters; shorten it"),
    ],
)
@pytest.mark.parametrize("name", ["current", "previous"])
def test_a_key_of_another_form_is_named_with_field_secret_and_cure(
    signing: dict[str, Any], key: str, cure: str, name: str
) -> None:
    good = {"StandardWebhooks": "whsec_YWI=", "HMAC": "key"}.get(signing["scheme"])
    if good is None:
        algorithm = signing["http"]["algorithm"]
        good = {"ed25519": pem(ED25519), "ecdsa-p256-sha256": pem(P256), "hmac-sha256": "YWI="}[algorithm]
    with pytest.raises(Waiting) as raised:
        signed(signing, **{"current": good, name: key})
    assert raised.value.reason == "SecretKeyInvalid"
    start = f'spec.signing[0].secretRef: key "{name}" of Secret "keys" '
    assert raised.value.message.startswith(start)
    assert cure in raised.value.message
    assert len(key) <= len("whsec_") or key not in raised.value.message


@pytest.mark.parametrize(
    ("hmac", "planned"),
    [
        ({"preset": "GitHub"}, HmacHeader(header="X-Hub-Signature-256", prefix="sha256=")),
        (
            {"preset": "Stripe"},
            HmacHeader(
                header="Stripe-Signature", prefix="v1=", signs_timestamp=True, timestamp_prefix="t=", several=True
            ),
        ),
        ({"preset": "Shopify"}, HmacHeader(header="X-Shopify-Hmac-Sha256", encoding="Base64")),
        ({"header": "X-Sig"}, HmacHeader(header="X-Sig")),
        (
            {
                "header": "X-Sig",
                "hash": "SHA512",
                "encoding": "Base64",
                "prefix": "v0=",
                "signsTimestamp": True,
                "timestampPrefix": "ts=",
                "several": True,
            },
            HmacHeader(
                header="X-Sig",
                hash="SHA512",
                encoding="Base64",
                prefix="v0=",
                signs_timestamp=True,
                timestamp_prefix="ts=",
                several=True,
            ),
        ),
    ],
)
def test_a_preset_or_an_own_form_is_spelled_out_in_the_plan(hmac: dict[str, Any], planned: HmacHeader) -> None:
    sealed = signed({"scheme": "HMAC", "hmac": hmac}, current="key")
    assert (sealed.hmac, sealed.http) == (planned, None)


def test_algorithm_and_key_id_are_in_the_plan() -> None:
    sealed = signed(http("ed25519"), current=pem(ED25519))
    assert (sealed.http, sealed.hmac) == (HttpSignature(algorithm="ed25519", key_id="orders-1"), None)
