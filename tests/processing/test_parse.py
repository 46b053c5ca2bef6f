"""A NATS message holds one event, structured or binary."""

from __future__ import annotations

import pytest

from jethook_contract.errors import Invalid
from jethook_processing.parse import parse_message

STRUCTURED = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1.0}}'
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        {"Nats-Msg-Id": "x"},
        {"content-type": "application/cloudevents+json"},
        {"Content-Type": "Application/CloudEvents+JSON; charset=utf-8"},
        {"content-type": "application/cloudevents+json", "ce-specversion": "1.0", "ce-id": "other"},
    ],
)
def test_json_is_read_as_a_structured_event(headers: dict[str, str] | None) -> None:
    assert parse_message(headers, STRUCTURED).id == "1"


@pytest.mark.parametrize(
    "extra",
    [{}, {"Content-Type": "application/json"}, {"ce-datacontenttype": "application/json"}, {"Nats-Msg-Id": "x"}],
)
def test_a_header_specversion_makes_a_binary_event(extra: dict[str, str]) -> None:
    event = parse_message({**BINARY, **extra}, b"[1.0]")
    assert (event.id, event.data, dict(event.extensions)) == ("1", b"[1.0]", {})


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"content-type": "application/cloudevents-batch+json"}, "BatchNotAccepted"),
        ({"content-type": "application/cloudevents-batch+json", **BINARY}, "BatchNotAccepted"),
        ({"content-type": "application/json"}, "UnknownContentType"),
        ({"content-type": ""}, "UnknownContentType"),
    ],
)
def test_what_is_neither_is_refused_with_the_cure(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_message(headers, STRUCTURED)
    assert caught.value.reason == reason
    assert "message" in caught.value.message or "cloudevents+json" in caught.value.message
