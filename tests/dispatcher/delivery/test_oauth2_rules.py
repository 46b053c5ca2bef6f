"""What is sent to a token endpoint, what its answers mean, and when it is asked again."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from jethook_dispatcher.core.client_credentials import ClientCredentials
from jethook_dispatcher.core.oauth2 import (
    AccessToken,
    TokenRefusal,
    early_seconds,
    pause_seconds,
    token_of_answer,
    token_request,
)


def client(**changes: object) -> ClientCredentials:
    given: dict[str, object] = {"client_id": SecretStr("shop"), "client_secret": SecretStr("hunter2")}
    return ClientCredentials(token_url="https://id.example.com/token?k=v", **given | changes)  # type: ignore[arg-type]


def answer(status: int = 200, **members: object) -> AccessToken | TokenRefusal:
    return token_of_answer(status, body=json.dumps(members).encode(), asked_at=1000.0)


def test_basic_puts_the_client_into_the_header_alone() -> None:
    request = token_request(client(scopes=("a", "b"), audience="https://api"))
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["a b"],
        "audience": ["https://api"],
    }
    headers = dict(request.headers)
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"shop:hunter2"
    assert headers["content-type"] == "application/x-www-form-urlencoded"


def test_body_puts_the_client_into_the_form_alone() -> None:
    request = token_request(client(client_authentication="Body"))
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["shop"],
        "client_secret": ["hunter2"],
    }
    assert "authorization" not in dict(request.headers)


def test_basic_encodes_id_and_secret_as_a_form_first() -> None:
    request = token_request(client(client_id=SecretStr("a:b c"), client_secret=SecretStr("ü/&")))
    pair = base64.b64decode(dict(request.headers)["authorization"].removeprefix("Basic "))
    assert pair == b"a%3Ab+c:%C3%BC%2F%26"


def test_no_representation_shows_a_secret() -> None:
    one = client()
    shown = repr(one) + repr(token_request(one)) + repr(answer(access_token="hunter2"))
    assert "hunter2" not in shown
    assert "k=v" not in shown


def test_equal_clients_are_equal_keys() -> None:
    assert {client(): 1}[client()] == 1
    assert client() != client(client_secret=SecretStr("other"))


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (3600, 3600),
        ("3600", 3600),
        (3600.5, 3600.5),
        (None, 300),
        ("soon", 300),
        (True, 300),
        (0, 1),
        (-5, 1),
        (10**12, 86400),
    ],
)
def test_token_lives_as_long_as_stated_within_bounds(expires_in: object, lifetime: float) -> None:
    token = answer(access_token="t", token_type="bearer", expires_in=expires_in)
    assert isinstance(token, AccessToken)
    assert token.expires_at == 1000.0 + lifetime
    assert 1000.0 < token.refresh_at < token.expires_at


@pytest.mark.parametrize(("lifetime", "early"), [(3600, 360), (200, 30), (60, 30), (40, 20), (1, 0.5), (86400, 8640)])
def test_token_is_renewed_early(lifetime: float, early: float) -> None:
    assert early_seconds(lifetime) == early


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"access_token": ""},
        {"access_token": 7},
        {"access_token": "a b"},
        {"access_token": "a\r\nx-evil: 1"},
        {"access_token": "ü"},
        {"access_token": "x" * 8193},
        {"access_token": "t", "token_type": "mac"},
        {"access_token": "t", "token_type": None},
    ],
)
def test_answer_without_a_token_that_can_be_sent_is_a_refusal(members: dict[str, object]) -> None:
    assert isinstance(answer(**members), TokenRefusal)


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b"\xff", b"[" * 5000, b"null"])
def test_answer_that_is_no_object_is_a_refusal(body: bytes) -> None:
    assert isinstance(token_of_answer(200, body=body, asked_at=0.0), TokenRefusal)


def test_token_type_that_is_left_out_is_bearer() -> None:
    assert isinstance(answer(access_token="t"), AccessToken)


def test_refusal_repeats_registered_error_codes_only() -> None:
    known = answer(401, error="invalid_client", error_description="hunter2")
    foreign = answer(400, error="hunter2")
    assert isinstance(known, TokenRefusal)
    assert isinstance(foreign, TokenRefusal)
    assert known.message == "the token endpoint answered 401 (invalid_client)"
    assert foreign.message == "the token endpoint answered 400"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, 0), ("7", 7), (" 7 ", 7), ("99999", 300), ("Tue, 24 Nov 2026 10:00:00 GMT", 0), ("-1", 0)],
)
def test_refusal_keeps_retry_after_in_seconds(header: str | None, seconds: int) -> None:
    refusal = token_of_answer(503, body=b"", asked_at=0.0, retry_after=header)
    assert isinstance(refusal, TokenRefusal)
    assert refusal.retry_after_seconds == seconds


def test_pauses_between_failures_grow_to_a_minute() -> None:
    assert [pause_seconds(failures) for failures in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pause_seconds(10**6) == 60
    assert pause_seconds(1, retry_after_seconds=120) == 120


@given(st.binary(max_size=200), st.integers(100, 599))
def test_no_answer_raises(body: bytes, status: int) -> None:
    assert isinstance(token_of_answer(status, body=body, asked_at=0.0), AccessToken | TokenRefusal)
