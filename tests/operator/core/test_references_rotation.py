"""What the event of a changed Secret says."""

from typing import Any

import pytest
from pydantic import SecretStr

from jethook_contract.plan import PlanSecrets, SigningKey
from jethook_contract.secrets import Credentials, HmacHeader, SigningScheme, TlsMaterial
from jethook_operator.core.references import rotation_message
from tests.operator.core.endpoints import an_endpoint

ONE, TWO, THREE = SecretStr("hunter-one"), SecretStr("hunter-two"), SecretStr("hunter-three")
SIGNED = [{"scheme": "StandardWebhooks", "secretRef": {"name": "signing"}}]
HMAC = [{"scheme": "HMAC", "secretRef": {"name": "hmac"}, "hmac": {"preset": "GitHub"}}]
HEADERS = [
    {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": "api"}}}
    for name, secret in (("X-Key", "keys"), ("X-Other", "others"))
]
SPEC = {
    "headers": HEADERS,
    "signing": SIGNED + HMAC,
    "authentication": {"basic": {"secretRef": {"name": "login"}}},
    "tls": {"caRef": {"name": "ca"}, "clientCertificateRef": {"name": "certificate"}},
}


def key(*keys: SecretStr, scheme: SigningScheme = "StandardWebhooks", several: bool | None = None) -> SigningKey:
    hmac = None if several is None else HmacHeader(header="X", several=several)
    return SigningKey(scheme=scheme, keys=keys, hmac=hmac)


def hmac(*keys: SecretStr, several: bool) -> SigningKey:
    return key(*keys, scheme="HMAC", several=several)


BEFORE = PlanSecrets(
    headers=(("X-Key", ONE), ("X-Other", ONE)),
    signing=(key(ONE), hmac(ONE, several=False)),
    credentials=Credentials(username=ONE, password=ONE),
    tls=TlsMaterial(ca=ONE, certificate=ONE, key=ONE),
)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"signing": (key(TWO), BEFORE.signing[1])}, "now signing with key current of Secret signing"),
        (
            {"signing": (key(TWO, ONE), BEFORE.signing[1])},
            "now signing with key current of Secret signing; previous stays valid",
        ),
        ({"signing": (key(ONE, TWO), BEFORE.signing[1])}, "key previous of Secret signing signs too"),
        (
            {"signing": (BEFORE.signing[0], hmac(TWO, ONE, several=False))},
            "now signing with key current of Secret hmac",
        ),
        (
            {"signing": (BEFORE.signing[0], hmac(TWO, ONE, several=True))},
            "now signing with key current of Secret hmac; previous stays valid",
        ),
        (
            {"signing": (key(TWO), hmac(TWO, several=False))},
            "now signing with key current of Secret signing, hmac",
        ),
        ({"headers": (("X-Key", ONE), ("X-Other", TWO))}, "now sending header X-Other with the value in Secret others"),
        (
            {"credentials": Credentials(username=ONE, password=TWO)},
            "now authenticating with user name and password of Secret login",
        ),
        ({"tls": TlsMaterial(ca=TWO, certificate=ONE, key=ONE)}, "now trusting the authorities in ca.crt of Secret ca"),
        (
            {"tls": TlsMaterial(ca=ONE, certificate=TWO, key=THREE)},
            "now showing the certificate in tls.crt of Secret certificate",
        ),
        (
            {"headers": (("X-Key", TWO), ("X-Other", TWO)), "signing": (key(TWO), BEFORE.signing[1])},
            (
                "now signing with key current of Secret signing;"
                " now sending header X-Key, X-Other with the value in Secret keys, others"
            ),
        ),
    ],
)
def test_the_event_names_what_changed_and_nothing_else(changed: dict[str, Any], message: str) -> None:
    after = BEFORE.model_copy(update=changed)
    said = rotation_message(an_endpoint(**SPEC), secrets=after, before=BEFORE)
    assert said == message
    assert "hunter" not in said


def test_the_end_of_a_rotation_is_told_too() -> None:
    endpoint = an_endpoint(signing=SIGNED)
    before, after = PlanSecrets(signing=(key(TWO, ONE),)), PlanSecrets(signing=(key(TWO),))
    said = rotation_message(endpoint, secrets=after, before=before)
    assert said == "key previous of Secret signing signs no longer"


@pytest.mark.parametrize(
    ("authentication", "message"),
    [
        (
            {"bearer": {"secretKeyRef": {"name": "token", "key": "value"}}},
            "now authenticating with the token in Secret token",
        ),
        (
            {
                "oauth2ClientCredentials": {
                    "tokenURL": "https://login.example.com/token",
                    "secretRef": {"name": "client"},
                }
            },
            "now fetching tokens with the client of Secret client",
        ),
    ],
)
def test_each_way_to_authenticate_has_its_words(authentication: dict[str, Any], message: str) -> None:
    after = PlanSecrets(credentials=Credentials(token=TWO))
    before = PlanSecrets(credentials=Credentials(token=ONE))
    assert rotation_message(an_endpoint(authentication=authentication), secrets=after, before=before) == message


def test_without_knowing_what_was_before_all_that_comes_from_secrets_is_named() -> None:
    said = rotation_message(an_endpoint(**SPEC), secrets=BEFORE)
    for name in ("signing", "hmac", "keys", "others", "login", "ca", "certificate"):
        assert f" {name}" in said


def test_equal_secrets_are_said_to_be_equal() -> None:
    assert rotation_message(an_endpoint(**SPEC), secrets=BEFORE, before=BEFORE) == (
        "the Secrets hold the same values again"
    )
