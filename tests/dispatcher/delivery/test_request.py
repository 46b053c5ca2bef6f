"""The request of one plan part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import pytest
from pydantic import SecretStr

from jethook_contract.errors import Bug, Invalid
from jethook_contract.plan import ObjectId, PlanPart, PlanSecrets, SigningKey, Target
from jethook_contract.secrets import Credentials, HmacHeader, HttpSignature, TlsMaterial
from jethook_contract.verification import verify
from jethook_dispatcher.core.client_credentials import ClientCredentials
from jethook_dispatcher.core.request import Headers, RequestForm, build_request

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
KEY = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


@dataclass(frozen=True)
class Rendered:
    headers: Headers = (("content-type", "application/cloudevents+json"),)
    body: bytes = b'{"id":"1"}'


def part(**target: object) -> PlanPart:
    return PlanPart(
        namespace="shop",
        endpoint=ObjectId(name="crm"),
        subscription=ObjectId(name="orders-to-crm"),
        state="Active",
        stream="JETHOOK_EVENTS_shop",
        consumer="sub_orders-to-crm",
        target=Target.model_validate({"urls": [{"url": "https://user:pass@crm.example.com/in?token=t"}], **target}),
    )


SECRETS = PlanSecrets(headers=(("X-Key", SecretStr("s3cret")),), signing=(SigningKey(keys=(KEY,)),))


def test_all_headers_are_there_once() -> None:
    request = build_request(
        Rendered(),
        part=part(headers=(("X-Team", "shop"),)),
        secrets=SECRETS,
        webhook_id="msg_1",
        attempt=3,
        now=NOW,
    )
    headers = dict(request.headers)
    assert len(headers) == len(request.headers)
    signature = headers.pop("webhook-signature")
    assert headers == {
        "content-type": "application/cloudevents+json",
        "user-agent": f"jethook/{version('jethook')}",
        "jethook-subscription": "shop/orders-to-crm",
        "X-Team": "shop",
        "X-Key": "s3cret",
        "jethook-attempt": "3",
        "webhook-id": "msg_1",
        "webhook-timestamp": "1795514400",
    }
    assert signature.startswith("v1,")
    verify(dict(request.headers), request.body, keys=[KEY], now=NOW.timestamp())


def test_unsigned_without_a_key() -> None:
    request = RequestForm(part(), secrets=PlanSecrets()).build(Rendered(), webhook_id="m", attempt=1, now=NOW)
    assert "webhook-signature" not in dict(request.headers)


def test_own_user_agent_replaces_ours() -> None:
    form = RequestForm(part(headers=(("User-Agent", "shop/1"),)), secrets=PlanSecrets())
    request = form.build(Rendered(), webhook_id="m", attempt=1, now=NOW)
    assert [value for name, value in request.headers if name.lower() == "user-agent"] == ["shop/1"]


def test_repr_shows_no_secret() -> None:
    request = RequestForm(part(), secrets=SECRETS).build(Rendered(), webhook_id="m", attempt=1, now=NOW)
    assert not any(secret in repr(request) for secret in ("s3cret", "pass", "token", "whsec"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("X Key", "x"),
        ("X-Schl\u00fcssel", "x"),
        ("X-Key:", "x"),
        ("X-Key", "a\r\nX-Admin: 1"),
        ("X-Key", "a\nb"),
        ("X-Key", "a\0b"),
        ("Content-Length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Webhook-Signature", "v1,forged"),
        ("jethook-attempt", "1"),
        ("ce-id", "1"),
    ],
)
@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "plain"])
def test_header_that_would_break_or_forge_a_request_is_refused(name: str, value: str, sealed: bool) -> None:  # noqa: FBT001
    given = part() if sealed else part(headers=((name, value),))
    secrets = PlanSecrets(headers=((name, SecretStr(value)),)) if sealed else PlanSecrets()
    with pytest.raises(Invalid) as caught:
        RequestForm(given, secrets=secrets)
    assert caught.value.reason == "BadHeader"
    assert "X-Admin" not in caught.value.message


def test_bad_signing_key_is_refused_before_any_event() -> None:
    with pytest.raises(Invalid, match="BadSigningKey"):
        RequestForm(part(), secrets=PlanSecrets(signing=(SigningKey(keys=(SecretStr("?"),)),)))


def test_part_without_target_is_a_bug() -> None:
    with pytest.raises(Bug, match="NoTarget"):
        RequestForm(part().model_copy(update={"target": None}), secrets=PlanSecrets())


HMAC = SigningKey(scheme="HMAC", keys=(SecretStr("s"),), hmac=HmacHeader(header="X-Hub-Signature-256"))
HTTP = SigningKey(
    scheme="HTTPMessageSignatures",
    keys=(SecretStr("c2VjcmV0"),),
    http=HttpSignature(algorithm="hmac-sha256", key_id="k"),
)


@pytest.mark.parametrize(
    ("signing", "header"),
    [(HMAC, "x-hub-signature-256"), (HTTP, "Signature"), (HTTP, "signature-input"), (HTTP, "Content-Digest")],
)
def test_header_that_a_signature_writes_is_refused_from_the_endpoint(signing: SigningKey, header: str) -> None:
    RequestForm(part(headers=((header, "x"),)), secrets=PlanSecrets())
    with pytest.raises(Invalid, match="BadHeader"):
        RequestForm(part(headers=((header, "x"),)), secrets=PlanSecrets(signing=(signing,)))


@pytest.mark.parametrize("header", ["content-length", "webhook-id", "X Sig", "Authorization"])
def test_hmac_header_that_is_no_free_header_is_refused(header: str) -> None:
    signing = SigningKey(scheme="HMAC", keys=(SecretStr("s"),), hmac=HmacHeader(header=header))
    secrets = PlanSecrets(signing=(signing,), credentials=Credentials(token=SecretStr("t")))
    with pytest.raises(Invalid, match="BadHeader"):
        RequestForm(part(authentication={"kind": "Bearer"}), secrets=secrets)


def test_two_hmac_signatures_in_one_header_are_refused() -> None:
    with pytest.raises(Invalid, match="two signatures write it"):
        RequestForm(part(), secrets=PlanSecrets(signing=(HMAC, HMAC)))


def test_each_target_has_its_own_url() -> None:
    form = RequestForm(
        part(urls=[{"url": "https://a.example.com/"}, {"url": "https://b.example.com/"}]), secrets=SECRETS
    )
    urls = [form.build(Rendered(), webhook_id="m", attempt=1, now=NOW, target=target).url for target in (0, 1)]
    assert urls == ["https://a.example.com/", "https://b.example.com/"]


@pytest.mark.parametrize(
    ("kind", "credentials", "value"),
    [
        # The example of RFC 7617, section 2.
        ("Basic", {"username": "Aladdin", "password": "open sesame"}, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("Basic", {"username": "test", "password": "123\u00a3"}, "Basic dGVzdDoxMjPCow=="),
        ("Bearer", {"token": "mF_9.B5f-4.1JqM"}, "Bearer mF_9.B5f-4.1JqM"),
    ],
)
def test_static_authorization_is_sent(kind: str, credentials: dict[str, str], value: str) -> None:
    secrets = PlanSecrets(credentials=Credentials.model_validate(credentials))
    request = RequestForm(part(authentication={"kind": kind}), secrets=secrets).build(
        Rendered(), webhook_id="m", attempt=1, now=NOW
    )
    assert dict(request.headers)["authorization"] == value
    assert value not in repr(request)


@pytest.mark.parametrize(
    ("kind", "credentials"),
    [
        ("Basic", {"username": "a:b", "password": "s3cret"}),
        ("Basic", {"username": "a"}),
        ("Bearer", {}),
        ("Bearer", {"token": "s3cret\r\nX-Admin: 1"}),
        ("Bearer", {"token": ""}),
        ("OAuth2ClientCredentials", {"client_id": "a"}),
    ],
)
def test_credentials_that_cannot_be_sent_are_refused(kind: str, credentials: dict[str, str]) -> None:
    secrets = PlanSecrets(credentials=Credentials.model_validate(credentials))
    with pytest.raises(Invalid) as caught:
        RequestForm(part(authentication={"kind": kind}), secrets=secrets)
    assert caught.value.reason == "BadCredentials"
    assert "s3cret" not in caught.value.message


def test_an_endpoints_own_authorization_beside_authentication_is_refused() -> None:
    secrets = PlanSecrets(credentials=Credentials(token=SecretStr("t")))
    with pytest.raises(Invalid, match="BadHeader"):
        RequestForm(part(headers=(("Authorization", "x"),), authentication={"kind": "Bearer"}), secrets=secrets)


def test_client_credentials_and_tls_go_with_the_request_unseen() -> None:
    authentication = {"kind": "OAuth2ClientCredentials", "token_url": "https://t.example.com/", "scopes": ["a", "b"]}
    secrets = PlanSecrets(
        credentials=Credentials(client_id=SecretStr("us"), client_secret=SecretStr("s3cret")),
        tls=TlsMaterial(ca=SecretStr("PEM")),
    )
    request = RequestForm(part(authentication=authentication), secrets=secrets).build(
        Rendered(), webhook_id="m", attempt=1, now=NOW
    )
    assert request.client_credentials == ClientCredentials(
        token_url="https://t.example.com/",
        client_id=SecretStr("us"),
        client_secret=SecretStr("s3cret"),
        scopes=("a", "b"),
    )
    assert request.tls == secrets.tls
    assert "authorization" not in dict(request.headers)
    assert "s3cret" not in repr(request)
    assert RequestForm(part(), secrets=SECRETS).build(Rendered(), webhook_id="m", attempt=1, now=NOW).tls is None
