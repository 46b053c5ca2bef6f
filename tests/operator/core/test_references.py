"""Which Secrets an endpoint refers to, and what of them is sealed into its plan."""

from typing import Any

import pytest
from pydantic import SecretStr

from jethook_contract.errors import Waiting
from jethook_contract.plan import PlanSecrets
from jethook_contract.secrets import Credentials
from jethook_operator.core.references import resolve, secret_names
from jethook_operator.core.resources import SecretValue
from tests.operator.core.endpoints import a_secret, an_endpoint

BASIC = {"basic": {"secretRef": {"name": "login"}}}
BEARER = {"bearer": {"secretKeyRef": {"name": "token", "key": "value"}}}
OAUTH2 = {"oauth2ClientCredentials": {"tokenURL": "https://login.example.com/token", "secretRef": {"name": "client"}}}
HEADERS = [{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}}]
SIGNING = [
    {"scheme": "StandardWebhooks", "secretRef": {"name": "signing"}},
    {"scheme": "HMAC", "secretRef": {"name": "hmac"}, "hmac": {"preset": "GitHub"}},
]
TLS = {"caRef": {"name": "ca"}, "clientCertificateRef": {"name": "certificate"}}


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({}, ()),
        ({"headers": [{"name": "X-Team", "value": "shop"}, *HEADERS]}, ("keys",)),
        ({"signing": SIGNING}, ("hmac", "signing")),
        ({"authentication": BASIC}, ("login",)),
        ({"authentication": BEARER}, ("token",)),
        ({"authentication": OAUTH2}, ("client",)),
        ({"tls": TLS}, ("ca", "certificate")),
        ({"tls": {"caRef": {"name": "one"}, "clientCertificateRef": {"name": "one"}}}, ("one",)),
        (
            {"headers": HEADERS, "signing": SIGNING, "authentication": OAUTH2, "tls": TLS},
            ("ca", "certificate", "client", "hmac", "keys", "signing"),
        ),
    ],
)
def test_every_secret_is_asked_for_once_wherever_it_stands(spec: dict[str, Any], names: tuple[str, ...]) -> None:
    assert secret_names(an_endpoint(**spec)) == names


def test_an_endpoint_without_secrets_seals_nothing() -> None:
    assert resolve(an_endpoint(), secrets={}) == PlanSecrets()


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"headers": HEADERS}, "spec.headers[0].valueFrom.secretKeyRef"),
        ({"signing": SIGNING}, "spec.signing[0].secretRef"),
        ({"authentication": BASIC}, "spec.authentication.basic.secretRef"),
        ({"authentication": BEARER}, "spec.authentication.bearer.secretKeyRef"),
        ({"authentication": OAUTH2}, "spec.authentication.oauth2ClientCredentials.secretRef"),
        ({"tls": {"caRef": {"name": "ca"}}}, "spec.tls.caRef"),
        ({"tls": {"clientCertificateRef": {"name": "certificate"}}}, "spec.tls.clientCertificateRef"),
    ],
)
def test_a_secret_that_is_missing_unlabelled_or_empty_is_named_with_field_and_cure(
    spec: dict[str, Any], field: str
) -> None:
    endpoint = an_endpoint(**spec)
    name = next(one for one in secret_names(endpoint) if one != "hmac")
    label = "label jethook.io/use=true"
    for secret, reason, text in (
        (None, "SecretNotFound", f'Secret "{name}" does not exist (create it with {label})'),
        (SecretValue("shop", name, labelled=False), "SecretNotLabelled", f'Secret "{name}" lacks {label}'),
        (SecretValue("shop", name, labelled=True), "SecretKeyMissing", f'Secret "{name}" has no key'),
    ):
        with pytest.raises(Waiting) as raised:
            resolve(endpoint, secrets={name: secret})
        assert raised.value.reason == reason
        assert raised.value.message.startswith(f"{field}: {text}")


@pytest.mark.parametrize(
    ("authentication", "name", "data", "credentials"),
    [
        (
            BASIC,
            "login",
            {"username": "shop\n", "password": " p:w \r\n"},
            Credentials(username=SecretStr("shop"), password=SecretStr(" p:w ")),
        ),
        (
            BASIC,
            "login",
            {"username": "sk_1", "password": ""},
            Credentials(username=SecretStr("sk_1"), password=SecretStr("")),
        ),
        (BEARER, "token", {"value": "abc.def-~+/==\n"}, Credentials(token=SecretStr("abc.def-~+/=="))),
        (
            OAUTH2,
            "client",
            {"client-id": "me", "client-secret": "a secret"},
            Credentials(client_id=SecretStr("me"), client_secret=SecretStr("a secret")),
        ),
    ],
)
def test_credentials_are_sealed_without_the_line_break_of_an_editor(
    authentication: dict[str, Any], name: str, data: dict[str, str], credentials: Credentials
) -> None:
    sealed = resolve(an_endpoint(authentication=authentication), secrets=a_secret(name, data))
    assert sealed == PlanSecrets(credentials=credentials)


@pytest.mark.parametrize(
    ("authentication", "name", "data", "key"),
    [
        (BASIC, "login", {"username": "", "password": "hunter2"}, "username"),
        (BASIC, "login", {"username": "me:you", "password": "hunter2"}, "username"),
        (BASIC, "login", {"username": "me", "password": "hunter2\x00"}, "password"),
        (BASIC, "login", {"username": "me", "password": "hunter2\nhunter2"}, "password"),
        (BEARER, "token", {"value": ""}, "value"),
        (BEARER, "token", {"value": "hunter2 hunter2"}, "value"),
        (BEARER, "token", {"value": "hunter2é"}, "value"),
        (BEARER, "token", {"value": "hunter2" * 2000}, "value"),
        (OAUTH2, "client", {"client-id": "", "client-secret": "hunter2"}, "client-id"),
        (OAUTH2, "client", {"client-id": "me", "client-secret": "hunter2é"}, "client-secret"),
    ],
)
def test_credentials_that_no_request_could_carry_are_refused_by_key_and_never_repeated(
    authentication: dict[str, Any], name: str, data: dict[str, str], key: str
) -> None:
    with pytest.raises(Waiting) as raised:
        resolve(an_endpoint(authentication=authentication), secrets=a_secret(name, data))
    assert raised.value.reason == "SecretKeyInvalid"
    assert f'key "{key}" of Secret "{name}" ' in raised.value.message
    assert "; " in raised.value.message
    assert "hunter2" not in raised.value.message


@pytest.mark.parametrize("value", ["", "\n", "a\r\nX-Evil: 1", "a\x00b", "v" * 8193])
def test_a_header_value_that_would_break_the_request_is_refused(value: str) -> None:
    with pytest.raises(Waiting, match="SecretKeyInvalid"):
        resolve(an_endpoint(headers=HEADERS), secrets=a_secret("keys", {"api": value}))
