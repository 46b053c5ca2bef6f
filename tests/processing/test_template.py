"""Templates: a JSON tree that is filled from an event and its bindings."""

import json

import pytest

from jethook_contract.errors import Invalid
from jethook_contract.event import CloudEvent
from jethook_contract.selection import Binding, Transform
from jethook_processing.bindings import Context
from jethook_processing.transform import Shaper

CONTEXT = Context(namespace="shop", endpoint="crm", subscription="orders")
EVENT = CloudEvent(
    id="1",
    source="/shop",
    type="com.example.made",
    subject='order "7"',
    time="2026-01-31T12:00:00Z",
    extensions={"priority": 3},
    data=b'{"amount": 12, "lines": [1, 2], "note": "caf\xc3\xa9"}',
)
BINDINGS = (Binding(name="amount", from_="event.data.amount"), Binding(name="note", from_="event.data.note"))


def filled(template: object) -> object:
    shaped = Shaper(BINDINGS, Transform(template=json.dumps(template)), context=CONTEXT)(EVENT)
    assert (shaped.datacontenttype, shaped.data_form) == ("application/json", "JSON")
    assert (shaped.id, shaped.subject, shaped.extensions) == (EVENT.id, EVENT.subject, EVENT.extensions)
    return json.loads(shaped.data or b"")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("${bindings.amount}", 12),
        ("${bindings.amount} EUR", "12 EUR"),
        ("a ${bindings.note} b ${event.data.lines} c", "a café b [1,2] c"),
        ("${event.subject}", 'order "7"'),
        ("<${event.subject}>", '<order "7">'),
        ("at ${timestamp(event.time)}", "at 2026-01-31T12:00:00+00:00"),
        ("${duration('90s')}", "90s"),
        ("$${bindings.amount}", "${bindings.amount}"),
        ("x$${y}z${1}", "x${y}z1"),
        ("costs $5 {a}", "costs $5 {a}"),
        ("${'}' + '{'}", "}{"),
        ("${{'a': {'b': 1}}}", {"a": {"b": 1}}),
        ("${has(event.data.missing) ? 1 : 0}", 0),
        ("", ""),
        (None, None),
        ([1, True, 1.5, None], [1, True, 1.5, None]),
        ({"a": {"b": "${event.data.lines}", "c": ["${context.namespace}"]}}, {"a": {"b": [1, 2], "c": ["shop"]}}),
        ({"${a}": 1}, {"${a}": 1}),
    ],
)
def test_a_template_is_filled(template: object, expected: object) -> None:
    assert filled(template) == expected


def test_without_a_template_the_event_is_left_alone() -> None:
    shaper = Shaper(BINDINGS, None, context=CONTEXT)
    assert shaper.idle
    assert shaper(EVENT) is EVENT


@pytest.mark.parametrize("template", ["${event.data.missing}", "${event.data.amount + 'x'}", "a ${event.data.missing}"])
def test_a_template_without_an_answer_fails_and_says_nothing_of_the_event(template: str) -> None:
    with pytest.raises(Invalid) as failed:
        filled({"a": template})
    assert failed.value.reason == "TransformFailed"
    assert "café" not in failed.value.message


def test_a_binding_that_fails_is_told_by_its_own_reason() -> None:
    shaper = Shaper([Binding(name="x", from_="event.data.x")], Transform(template='"${bindings.x}"'), context=CONTEXT)
    with pytest.raises(Invalid, match="BindingFailed: binding 'x'"):
        shaper(EVENT)


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{", "it is no JSON"),
        ('{"a": [1, "${event.}"]}', "at .a[1]: the CEL expression cannot be used"),
        ('{"a": "${secret}"}', "at .a: the CEL expression cannot be used: there is no variable 'secret'"),
        ('"${event.id"', "a ${ is never closed"),
        (json.dumps(["${event.id}"] * 65), "more than 64 expressions"),
        ("[" * 18 + "]" * 18, "nested more than 16 deep"),
        (json.dumps("x" * 33_000), "at most 32768 are accepted"),
    ],
)
def test_a_bad_template_is_refused_with_its_place(template: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        Shaper((), Transform(template=template), context=CONTEXT)
    assert refused.value.reason == "BadExpression"
    assert says in refused.value.message


def test_what_a_template_gives_is_bounded() -> None:
    event = CloudEvent(id="1", source="/s", type="t", data=b'"%s"' % (b"x" * 300_000))
    shaper = Shaper((), Transform(template=json.dumps(["${event.data}"] * 3)), context=CONTEXT)
    with pytest.raises(Invalid, match="at most 786432 are sent"):
        shaper(event)
