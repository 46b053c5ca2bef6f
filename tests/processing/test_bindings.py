"""Parameter binding: values by name, their types and defaults."""

from datetime import UTC, datetime

import pytest

from jethook_contract.errors import Invalid
from jethook_contract.event import CloudEvent
from jethook_contract.selection import Binding
from jethook_processing.bindings import Binder, Context
from jethook_processing.expressions import EventDocument

CONTEXT = Context(namespace="shop", endpoint="crm", subscription="orders")
EVENT = CloudEvent(
    id="1",
    source="/shop",
    type="com.example.made",
    subject="order-7",
    time="2026-01-31T12:00:00Z",
    extensions={"priority": 3},
    data=b'{"amount": 12, "price": 1.5, "paid": true, "lines": [{"sku": "a"}], "customer": {"name": "Ada"}}',
)


def bound(from_: str, **more: str) -> object:
    return Binder([Binding(name="x", from_=from_, **more)], context=CONTEXT)(EventDocument(EVENT))["x"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("from_", "type_", "expected"),
    [
        ("event.data.amount", "Integer", 12),
        ("event.data.amount", "Number", 12),
        ("event.data.price", "Number", 1.5),
        ("event.data.paid", "Boolean", True),
        ("event.subject", "String", "order-7"),
        ("event.data.lines", "List", [{"sku": "a"}]),
        ("event.data.customer", "Object", {"name": "Ada"}),
        ("event.extensions.priority + 1", "Any", 4),
        ("context.namespace + '/' + context.subscription + '/' + context.endpoint", "String", "shop/orders/crm"),
        ("timestamp(event.time)", "Any", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("event.data.lines.map(l, l.sku)", "List", ["a"]),
    ],
)
def test_a_value_is_read_from_the_event(from_: str, type_: str, expected: object) -> None:
    assert bound(from_, type=type_) == expected


@pytest.mark.parametrize(
    ("from_", "type_"),
    [
        ("event.data.paid", "Integer"),
        ("event.data.paid", "Number"),
        ("event.data.amount", "String"),
        ("event.data.price", "Integer"),
        ("event.data.customer", "List"),
        ("event.data.lines", "Object"),
        ("event.data.missing", "Any"),
    ],
)
def test_a_value_of_another_type_or_none_fails_with_the_name(from_: str, type_: str) -> None:
    with pytest.raises(Invalid) as failed:
        bound(from_, type=type_)
    assert failed.value.reason == "BindingFailed"
    assert failed.value.message.startswith("binding 'x': ")
    assert "Ada" not in failed.value.message


def test_a_default_stands_in_for_what_is_missing_and_has_the_type_too() -> None:
    assert bound("event.data.missing", type="Integer", default="7") == 7
    assert bound("event.data.amount", type="Integer", default="7") == 12
    with pytest.raises(Invalid, match="it gives no Integer"):
        bound("event.data.missing", type="Integer", default="'seven'")


def test_what_is_bound_is_bounded() -> None:
    event = CloudEvent(id="1", source="/s", type="t", data=b'{"text": "%s"}' % (b"x" * 70_000))
    with pytest.raises(Invalid, match="at most 65536 may be"):
        Binder([Binding(name="x", from_="event.data.text")], context=CONTEXT)(EventDocument(event))


@pytest.mark.parametrize("binding", [{"from_": "event."}, {"from_": "1", "default": "secret.key"}])
def test_a_bad_expression_is_refused_with_the_name(binding: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="BadExpression: binding 'x'"):
        Binder([Binding(name="x", **binding)], context=CONTEXT)  # type: ignore[arg-type]
