"""CEL over an event: what is understood, what fails how, and what hostile texts and events cannot do."""

import json
import time
from typing import Any

import pytest

from jethook_contract.errors import Invalid
from jethook_contract.event import CloudEvent
from jethook_processing.expressions import compile_condition, compile_key, compile_predicate

ORDER = {"amount": 120, "customer": {"tier": "gold"}, "items": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 1}]}
ITEMS = list(range(4000))


def _event(data: Any = ORDER, **attributes: Any) -> CloudEvent:
    body = json.dumps(data).encode()
    known = {"id": "1", "source": "/shop", "type": "com.example.order.made", "subject": "order-7"}
    return CloudEvent(**{**known, **attributes}, data=body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.data.amount > 100", True),
        ("event.data.amount > 119.5 && event.data.customer.tier == 'gold'", True),
        ('event["type"] == "com.example.order.made"', True),
        ("event.subject.startsWith('order-') && event.subject.matches(r'^order-\\d+$')", True),
        ("event.extensions.region == 'eu' && event.extensions.priority == 3", True),
        ("has(event.data.missing)", False),
        ("has(event.data.customer) && event.data.customer.tier == 'silver'", False),
        ("!has(event.dataschema) && event.specversion == '1.0'", True),
        ("event.data.items.exists(i, i.sku == 'b') && event.data.items.all(i, i.qty > 0)", True),
        ("event.data.items.filter(i, i.qty > 1).exists(i, i.sku == 'b')", False),
        ("'b' in event.data.items.map(i, i.sku)", True),
        ("event.data.items.map(i, i.qty > 1, i.sku) == ['a']", True),
        ("event.data.items.exists(filter, filter.sku == ')')", False),
        ("timestamp(event.time) > timestamp('2026-01-01T00:00:00Z')", True),
        ("event.type.contains('exists(x, y.all(z') || event.data.amount == 120", True),
        ("'a\\'b' == 'a\\'b'", True),
        ("size(event.data.items) == 2 ? true : false", True),
    ],
)
def test_conditions_over_attributes_and_data(text: str, expected: bool) -> None:  # noqa: FBT001
    event = _event(time="2026-11-24T10:00:00Z", extensions={"region": "eu", "priority": 3})
    assert compile_predicate(text)(event) is expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        ("1 +", "line 1, character 4"),
        ("true || " * 600 + "true", "at most 4096"),
        ("order.amount > 1", "no variable 'order'"),
        ("event.data.amount > limit()", "no function 'limit'"),
        ("jethook_step(0)", "no function 'jethook_step'"),
        ("event.data.l.all(x, event.data.l.exists(y, x == y))", "comprehensions cannot be nested"),
        ("event.data.l.map(x, [x].filter(y, true))", "comprehensions cannot be nested"),
        ("[event.data.s].map(x, x + x).map(x, x + x)", "map comes after map"),
        ("[[1].map(x, x)].all(y, true)", "all comes after map"),
        ("event.data.l.all(event, true)", "takes the name of a new variable"),
        ("event.data.l.all(x, true, false)", "takes the name of a variable"),
        ("event.subject.matches(event.data.pattern)", "matches takes one pattern, written out"),
        ("event.subject.matches('(a{100}){100}')", "repeats a group"),
        ("event.subject.matches('\\\\w{1000}')", "counted repeats"),
        ("+".join(["event.data.s"] * 20) + " == ''", "adds more than 16 times"),
        ("true) || (true", "closes nothing"),
        ("(true", "never closed"),
        ("true // x", "no comments"),
        ('"""a""" == "a"', "no triple quotes"),
        ("(" * 2000 + "true" + ")" * 2000, "line 1"),
        ("event" + "[0" * 500 + "]" * 500, "line 1"),
        ("'\x00", "not understood"),
        ("event.data.x.?y", "no variable 'y'"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_fault(text: str, told: str) -> None:
    with pytest.raises(Invalid, match="the CEL expression cannot be used") as caught:
        compile_predicate(text)
    assert caught.value.reason == "BadExpression"
    assert told in caught.value.message
    assert len(caught.value.message) < 600


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("event.data.missing > 1", "no field 'missing'; ask has() first"),
        ("event.data[event.data.customer.tier] == 1", "a field that is read is missing"),
        ("event.data.amount", "other types"),
        ("event.data.amount > 'x'", "other types"),
        ("event.data.items[7].qty == 1", "a list is shorter"),
        ("event.data.amount / 0 == 1", "division by zero"),
        ("event.data.amount * 9223372036854775807 == 1", "outside of 64 bits"),
        ("int(event.data.customer.tier) == 1", "cannot be computed with"),
    ],
)
def test_a_failed_evaluation_says_why_without_values_of_the_event(text: str, told: str) -> None:
    with pytest.raises(Invalid) as caught:
        compile_predicate(text)(_event())
    assert caught.value.reason == "FilterFailed"
    assert told in caught.value.message
    assert "gold" not in caught.value.message
    assert "120" not in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "event.data.l.all(x, x in event.data.l)",
        "event.data.l.exists(x, event.data.l == event.data.s)",
        "event.data.l.exists(x, event.data.s.contains('ab'))",
        "event.data.l.map(x, x) == []",
        "event.data.l.filter(x, x > 0).size() == 0",
        "event.data.l.exists(x, string(x).matches('^a$'))",
        "event.data.l.all(x, x >= 0) && event.data.l.all(x, x >= 0) && event.data.l.all(x, x >= 0)",
        "event.data.l.map(x, event.data.s + event.data.s) == [] || true",
        "&&".join(["event.data.s == event.data.s"] * 40),
        "[event.data.s, event.data.s, event.data.s].all(x, " + " || ".join(["x.contains('b')"] * 8) + ")",
    ],
)
def test_work_that_multiplies_ends_early(text: str) -> None:
    event = _event({"l": ITEMS, "s": "a" * 700_000})
    condition = compile_predicate(text)
    began = time.process_time()
    with pytest.raises(Invalid, match=r"walks more items|too large for so many"):
        condition(event)
    assert time.process_time() - began < 1.0


def test_a_filter_over_4000_items_is_answered() -> None:
    began = time.process_time()
    assert compile_predicate("event.data.all(x, x >= 0)")(_event(ITEMS)) is True
    assert time.process_time() - began < 1.0


def test_a_list_longer_than_the_bound_is_no_answer_even_where_true_would_cover_it() -> None:
    condition = compile_predicate("event.data.all(x, x >= 0) || true")
    assert condition(_event(ITEMS)) is True
    with pytest.raises(Invalid, match="walks more items"):
        condition(_event(list(range(10_001))))


@pytest.mark.parametrize(
    ("data", "form", "text", "expected"),
    [
        (b"plain", "Text", "event.data == 'plain'", True),
        (b"\x00\xff", "Octets", "has(event.data)", False),
        (None, "JSON", "has(event.data)", False),
        (b"18446744073709551615", "JSON", "event.data > 5u", True),
        (b"[" * 900 + b"]" * 900, "JSON", "size(event.data) == 1", True),
        (b"null", "JSON", "event.data == null", True),
    ],
)
def test_data_of_every_form(data: bytes | None, form: Any, text: str, *, expected: bool) -> None:
    event = CloudEvent(id="1", source="/s", type="a", data=data, data_form=form)
    assert compile_predicate(text)(event) is expected


def test_data_are_read_only_when_they_are_mentioned() -> None:
    broken = CloudEvent(id="1", source="/s", type="a.b", data=b"{no json")
    assert compile_predicate("event.type == 'a.b'")(broken) is True
    with pytest.raises(Invalid, match=r"event\.data cannot be read"):
        compile_predicate("event.data.a == 1")(broken)


@pytest.mark.parametrize(
    ("text", "key"),
    [("event.subject", "order-7"), ("event.data.amount", "120"), ("event.data.amount > 1", "true")],
)
def test_keys_are_text(text: str, key: str) -> None:
    assert compile_key(text)(_event()) == key


@pytest.mark.parametrize("text", ["event.data.missing", "event.data.items", "null", "1.5", "event.data.long"])
def test_what_is_no_key_fails(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        compile_key(text)(_event({**ORDER, "long": "x" * 1025}))
    assert caught.value.reason == "KeyFailed"


def test_a_condition_sees_further_variables_and_an_event_that_cannot_be_read_has_no_fields() -> None:
    condition = compile_condition("deadletter.attempts > 2 && !has(event.id)", variables=("deadletter",))
    assert condition(None, {"deadletter": {"attempts": 3}}) is True
    assert condition(_event(), {"deadletter": {"attempts": 3}}) is False
