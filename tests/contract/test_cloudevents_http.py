"""CloudEvents as headers and body, by the rules of the HTTP binding."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.cloudevents import (
    MAX_EVENT_BYTES,
    CloudEvent,
    parse_binary,
    parse_structured,
    to_binary,
    to_structured,
)
from jethook_contract.errors import Invalid

REQUIRED = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}
IN_CLOUDEVENTS = st.characters(exclude_categories=["Cs", "Cc"]).filter(
    lambda c: not 0xFDD0 <= ord(c) <= 0xFDEF and ord(c) & 0xFFFE != 0xFFFE
)


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("Euro € \U0001f600", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
        ('100% "sure"', "100%25%20%22sure%22"),
        ("!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    ],
)
def test_values_are_percent_encoded_as_the_binding_says(value: str, header: str) -> None:
    event = CloudEvent(id="1", source="/s", type="t", subject=value)
    headers, _ = to_binary(event)
    assert headers["ce-subject"] == header
    assert parse_binary(headers, b"").subject == value


@pytest.mark.parametrize(
    ("header", "value"),
    [("%e2%82%ac%41", "€A"), ('"a \\"b\\" %20"', 'a "b"  '), (" a ", "a"), ("50%", "50%"), ('"', '"')],
)
def test_other_spellings_are_read_too(header: str, value: str) -> None:
    assert parse_binary({**REQUIRED, "CE-Subject": header}, b"").subject == value


@given(st.text(IN_CLOUDEVENTS, min_size=1, max_size=20), st.text(IN_CLOUDEVENTS, max_size=20), st.binary(max_size=40))
def test_every_event_comes_back_from_headers_and_body(subject: str, extension: str, data: bytes) -> None:
    event = CloudEvent(
        id="1",
        source="/s",
        type="t",
        subject=subject,
        datacontenttype="application/x",
        extensions={"ext": extension},
        data=data or None,
        data_form="Octets",
    )
    headers, body = to_binary(event)
    assert all(" " <= character <= "~" for value in headers.values() for character in value)
    assert parse_binary(headers, body) == event
    assert parse_structured(to_structured(event)) == event


def test_numbers_and_booleans_are_written_as_the_type_system_says() -> None:
    headers, _ = to_binary(CloudEvent(id="1", source="/s", type="t", extensions={"a": True, "b": False, "c": -7}))
    assert (headers["ce-a"], headers["ce-b"], headers["ce-c"]) == ("true", "false", "-7")


def test_the_content_type_is_the_datacontenttype_both_ways() -> None:
    event = parse_binary({**REQUIRED, "Content-Type": "text/plain; charset=utf-8"}, b"hi")
    assert event.datacontenttype == "text/plain; charset=utf-8"
    headers, body = to_binary(event)
    assert (headers["content-type"], body) == ("text/plain; charset=utf-8", b"hi")
    assert "ce-datacontenttype" not in headers


def test_json_without_a_content_type_is_given_the_implied_one() -> None:
    headers, body = to_binary(
        parse_structured(json.dumps({k[3:]: v for k, v in REQUIRED.items()} | {"data": 1}).encode())
    )
    assert (headers["content-type"], body) == ("application/json", b"1")


@pytest.mark.parametrize(
    ("content_type", "body", "member"),
    [
        ("application/json", b'{"a": 1.0}', b'"data":{"a": 1.0}'),
        ("application/json", b"[1e400]", b'"data":[1e400]'),
        ("application/json", b"not json", b'"data_base64":"bm90IGpzb24="'),
        ("application/json", b"\xff", b'"data_base64":"/w=="'),
        ("text/csv", "ü,1".encode(), '"data":"ü,1"'.encode()),
        ("text/csv", b"\xff", b'"data_base64":"/w=="'),
        ("application/vnd.x+xml", b"<a/>", b'"data":"<a/>"'),
        ("image/png", b"abc", b'"data_base64":"YWJj"'),
        (None, b"{}", b'"data":{}'),
    ],
)
def test_a_body_becomes_the_member_that_can_hold_it(content_type: str | None, body: bytes, member: bytes) -> None:
    headers = REQUIRED if content_type is None else {**REQUIRED, "content-type": content_type}
    written = to_structured(parse_binary(headers, body))
    assert member in written
    assert to_binary(parse_structured(written))[1] == body


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"ce-specversion": "1.0"}, "MissingAttribute"),
        ({**REQUIRED, "ce-specversion": "2.0"}, "BadSpecVersion"),
        ({**REQUIRED, "ce-subject": "%C0%A0"}, "InvalidUTF8"),
        ({**REQUIRED, "ce-subject": "%0A"}, "BadAttributeValue"),
        ({**REQUIRED, "ce-subject": "a" * 100_000}, "BadAttributeValue"),
        ({**REQUIRED, "ce-subject": ""}, "BadAttributeValue"),
        ({**REQUIRED, "ce-my-ext": "x"}, "BadAttributeName"),
        ({**REQUIRED, "ce-data": "x"}, "BadAttributeName"),
        ({**REQUIRED, "CE-ID": "1"}, "DuplicateMember"),
        ({**REQUIRED, "ce-datacontenttype": "text/a", "content-type": "text/b"}, "DuplicateMember"),
        ({**REQUIRED, **{f"ce-x{number}": "1" for number in range(61)}}, "TooManyAttributes"),
    ],
)
def test_headers_that_are_no_event_are_refused_with_their_reason(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_binary(headers, b"")
    assert caught.value.reason == reason


def test_the_body_is_bounded() -> None:
    with pytest.raises(Invalid) as caught:
        parse_binary(REQUIRED, b"a" * (MAX_EVENT_BYTES + 1))
    assert caught.value.reason == "EventTooLarge"
