"""An event is sent in the form that its Subscription asks for, under an id that stays the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jethook_contract.cloudevents import CloudEvent, parse_structured
from jethook_contract.plan import Format
from jethook_processing.parse import parse_message
from jethook_processing.render import Rendered, render, webhook_id

RECEIVED = b'{ "data" : {"b":1.0,"a":1e400}, "specversion":"1.0","id":"1","source":"/s","type":"t","x":true}\n'
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}
NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=4)


def test_a_structured_event_passes_as_the_bytes_that_came() -> None:
    rendered = render(parse_structured(RECEIVED), output_format="Structured")
    assert rendered == Rendered(headers=(("content-type", "application/cloudevents+json"),), body=RECEIVED)


def test_a_binary_event_is_made_structured() -> None:
    event = parse_message({**BINARY, "content-type": "application/json"}, b"[1.0]")
    rendered = render(event, output_format="Structured")
    assert parse_structured(rendered.body) == event


def test_binary_puts_attributes_into_headers() -> None:
    rendered = render(parse_structured(RECEIVED), output_format="Binary")
    assert dict(rendered.headers) == {**BINARY, "ce-x": "true", "content-type": "application/json"}
    assert rendered.body == b'{"b":1.0,"a":1e400}'


@pytest.mark.parametrize(
    ("event", "content_type", "body"),
    [
        (parse_structured(RECEIVED), "application/json", b'{"b":1.0,"a":1e400}'),
        (parse_message({**BINARY, "content-type": "text/plain"}, b"hi"), "text/plain", b"hi"),
        (parse_message(BINARY, b"\xff"), "application/octet-stream", b"\xff"),
        (parse_message(BINARY, b""), "application/octet-stream", b""),
    ],
)
def test_data_sends_the_data_alone(event: CloudEvent, content_type: str, body: bytes) -> None:
    assert render(event, output_format="Data") == Rendered(headers=(("content-type", content_type),), body=body)


@pytest.mark.parametrize("output_format", ["Structured", "Binary", "Data"])
def test_nothing_that_is_sent_shows_in_a_repr(output_format: Format) -> None:
    assert "1e400" not in repr(render(parse_structured(RECEIVED), output_format=output_format))


@example(("n", "ab", "c", "1"), ("n", "a", "bc", "1"))
@example(("na", "b", "c", "1"), ("n", "ab", "c", "1"))
@example(("n", "a", "b", "c1"), ("n", "a", "bc", "1"))
@given(st.tuples(NAMES, NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES, NAMES))
def test_a_delivery_has_its_own_id_and_keeps_it(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    first, again, second = (_id(*parts) for parts in (one, one, other))
    assert first == again
    assert (first == second) is (one == other)
    assert re.fullmatch(r"msg_[0-9a-f]{32}", first)


def test_the_id_does_not_depend_on_how_the_event_came() -> None:
    one, other = parse_structured(RECEIVED), parse_message(BINARY, b"other data")
    assert webhook_id(one, namespace="n", subscription="s") == webhook_id(other, namespace="n", subscription="s")


def _id(namespace: str, subscription: str, source: str, event_id: str) -> str:
    event = CloudEvent(id=event_id, source=source, type="t")
    return webhook_id(event, namespace=namespace, subscription=subscription)
