"""One HMAC header, and all schemes of a part side by side."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.plan import ObjectId, PlanPart, PlanSecrets
from jethook_contract.secrets import HmacHash, HmacHeader, HttpSignature, SigningKey
from jethook_contract.target import Target, TargetUrl
from jethook_contract.verification import verify
from jethook_contract.verification_hmac import GITHUB, SHOPIFY, STRIPE, verify_hmac
from jethook_contract.verification_http import verify_http
from jethook_dispatcher.core.request import RequestForm
from jethook_dispatcher.core.signing_hmac import HmacSigner
from jethook_dispatcher.core.signing_mac import PreparedMac
from jethook_processing.render import Rendered

AT = 1795514400
NEW, OLD = SecretStr("It's a Secret to Everybody"), SecretStr("the old one")


def value(form: HmacHeader, *keys: SecretStr, body: bytes = b"Hello, World!") -> str:
    return HmacSigner(SigningKey(scheme="HMAC", keys=keys, hmac=form)).value(body, timestamp=AT)


def test_githubs_published_example_is_met() -> None:
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert value(GITHUB, NEW) == value(GITHUB, SecretStr(NEW.get_secret_value() + "\n")) == expected


def test_stripes_form_holds_the_time_and_a_signature_for_each_key() -> None:
    macs = [
        hmac.new(key.get_secret_value().encode(), b"1795514400.Hello, World!", "sha256").hexdigest()
        for key in (NEW, OLD)
    ]
    assert value(STRIPE, NEW, OLD) == f"t=1795514400,v1={macs[0]},v1={macs[1]}"


def test_a_form_of_one_signature_is_signed_by_the_current_key_alone() -> None:
    assert value(SHOPIFY, NEW, OLD) == value(SHOPIFY, NEW)


@pytest.mark.parametrize("text", ["", "\n", "x" * 1025])
def test_a_bad_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="BadSigningKey"):
        value(GITHUB, SecretStr(text))


@example(key=b"k" * 64, head=b"", body=b"b", algorithm="SHA256")
@example(key=b"k" * 65, head=b"h", body=b"b", algorithm="SHA1")
@example(key=b"k" * 65, head=b"h", body=b"b", algorithm="SHA256")
@example(key=b"k" * 129, head=b"h", body=b"b", algorithm="SHA512")
@given(
    key=st.binary(max_size=300),
    head=st.binary(),
    body=st.binary(),
    algorithm=st.sampled_from(["SHA1", "SHA256", "SHA512"]),
)
def test_a_prepared_mac_is_the_hmac(key: bytes, head: bytes, body: bytes, algorithm: HmacHash) -> None:
    prepared = PreparedMac(key, algorithm=algorithm)
    expected = hmac.digest(key, head + body, getattr(hashlib, algorithm.lower()))
    assert prepared.digest(head, body) == prepared.digest(head, body) == expected


FORMS = st.builds(
    HmacHeader,
    header=st.just("X-Sig"),
    hash=st.sampled_from(["SHA1", "SHA256", "SHA512"]),
    encoding=st.sampled_from(["Hex", "Base64"]),
    prefix=st.sampled_from(["", "v1=", "sha256="]),
    signs_timestamp=st.booleans(),
    timestamp_prefix=st.sampled_from(["", "t="]),
    several=st.booleans(),
)


@given(form=FORMS, body=st.binary())
def test_whatever_form_is_signed_is_verified(form: HmacHeader, body: bytes) -> None:
    headers = {"x-sig": value(form, NEW, OLD, body=body), "webhook-timestamp": str(AT)}
    for key in (NEW, OLD) if form.several else (NEW,):
        assert verify_hmac(headers, body, form=form, keys=[key], now=AT).key == 0
    with pytest.raises(Invalid, match="SignatureMismatch"):
        verify_hmac(headers, body + b" ", form=form, keys=[NEW, OLD], now=AT)


def test_all_schemes_of_an_endpoint_sign_side_by_side() -> None:
    shared = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    url = "https://crm.example.com/in"
    part = PlanPart(
        namespace="shop", endpoint=ObjectId(name="crm"), subscription=ObjectId(name="s"), state="Active",
        stream="S", consumer="c", target=Target(urls=(TargetUrl(url=url),)),
    )  # fmt: skip
    signing = (
        SigningKey(keys=(shared,)),
        SigningKey(
            scheme="HTTPMessageSignatures", keys=(shared,), http=HttpSignature(algorithm="hmac-sha256", key_id="k")
        ),
        SigningKey(scheme="HMAC", keys=(NEW,), hmac=GITHUB),
        SigningKey(scheme="HMAC", keys=(NEW,), hmac=STRIPE),
    )
    content = Rendered(headers=(("content-type", "application/cloudevents-batch+json"),), body=b"[{}]")
    request = RequestForm(part, secrets=PlanSecrets(signing=signing)).build(
        content, webhook_id="msg_1", attempt=1, now=datetime.fromtimestamp(AT, UTC)
    )
    headers = dict(request.headers)
    assert len(headers) == len(request.headers)
    assert verify(headers, request.body, keys=[shared], now=AT)
    assert verify_http(headers, request.body, method="POST", url=url, keys=[shared], now=AT)
    assert all(verify_hmac(headers, request.body, form=form, keys=[NEW], now=AT) for form in (GITHUB, STRIPE))
    assert "Everybody" not in repr(request)
