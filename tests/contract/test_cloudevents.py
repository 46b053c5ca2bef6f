"""CloudEvents go in and out of JSON without the change of a character, or are refused with a reason."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from timeit import repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.cloudevents import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    MAX_EVENT_BYTES,
    CloudEvent,
    parse_batch,
    parse_structured,
    to_batch,
    to_structured,
)
from jethook_contract.errors import Invalid
from jethook_contract.event import DataForm

HEAD = '{"specversion":"1.0","id":"1","source":"/s","type":"t"'
MEMBERS: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
EXACT = [
    "1.0",
    "1e400",
    "-1E-999",
    "12345678901234567890",
    "123456789012345678901234567890.10",
    '{"b":1.0,"a":1e400,"b":2}',
    '[1e400,"]}\\"1e4"]',
    '{ "z" : [ 1 , 2.50 ] , "\\u0061" : "\\u00e9" }',
    "null",
    "true",
    '"text"',
    '"\\u00e9\\/"',
    "{}",
    "[]",
    '{"data":{"id":"2"},"id":"3"}',
    "[" * 1000 + "]" * 1000,
]


def event_json(**members: object) -> bytes:
    return json.dumps({**MEMBERS, **members}).encode()


def reason_of(body: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        parse_structured(body)
    assert caught.value.message
    return caught.value.reason


@pytest.mark.parametrize("data", EXACT)
@pytest.mark.parametrize("after", ["", ',"x":"y"', ' ,\n "x" : false '])
def test_data_comes_back_character_by_character(data: str, after: str) -> None:
    body = f'{HEAD},"data" : {data} {after}}}\n'.encode()
    event = parse_structured(body)
    assert event.data == data.encode()
    assert to_structured(event) == body
    changed = parse_structured(to_structured(replace(event, type="u")))
    assert (changed.type, changed.data, changed.extensions) == ("u", data.encode(), event.extensions)


@given(JSON_VALUES, st.permutations([*MEMBERS, "data", "ext"]), st.sampled_from([None, 1]))
def test_the_place_of_data_in_the_event_does_not_matter(data: object, order: list[str], indent: int | None) -> None:
    members = {**MEMBERS, "data": data, "ext": 'a "quoted" \\ one'}
    event = parse_structured(json.dumps({name: members[name] for name in order}, indent=indent).encode())
    assert json.loads(event.data or b"") == data
    assert event == replace(event)
    assert event.attributes() == {**MEMBERS, "ext": members["ext"]}


def test_attributes_keep_their_json_type() -> None:
    extensions = {
        "a": True,
        "b": False,
        "c": 0,
        "d": -(2**63) + 1,
        "e": "1",
        "f": "",
        "longerthantwentycharacters": "ü",
    }
    event = parse_structured(event_json(**extensions, subject="s", time="2026-11-24T10:00:00.120+01:00"))
    assert {name: (type(value), value) for name, value in event.extensions.items()} == {
        name: (type(value), value) for name, value in extensions.items()
    }
    again = parse_structured(to_structured(replace(event)))
    assert again == event
    assert again.time == "2026-11-24T10:00:00.120+01:00"


@pytest.mark.parametrize("value", ['"data": 1', 'x,"data":{}', "\\", '\\"', "data", "é\u2028"])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_quotes_and_escapes_in_attributes_do_not_confuse(value: str, *, ensure_ascii: bool) -> None:
    members = {**MEMBERS, "id": value, "ext": value, "data": {"id": value}}
    event = parse_structured(json.dumps(members, ensure_ascii=ensure_ascii).encode())
    assert (event.id, event.extensions["ext"], json.loads(event.data or b"")) == (value, value, {"id": value})


def test_an_attribute_that_is_null_is_not_set() -> None:
    assert parse_structured(event_json(subject=None, ext=None)) == parse_structured(event_json())


def test_null_data_is_data_and_missing_data_is_not() -> None:
    assert parse_structured(event_json(data=None)).data == b"null"
    assert parse_structured(event_json()).data is None
    assert b'"data"' not in to_structured(replace(parse_structured(event_json())))


def test_base64_data_is_octets_and_stays_base64() -> None:
    octets = bytes(range(256))
    body = event_json(data_base64=base64.b64encode(octets).decode(), datacontenttype="application/json")
    event = parse_structured(body)
    assert event.data == octets
    assert to_structured(event) == body
    assert parse_structured(to_structured(replace(event))) == event


def test_a_string_of_another_type_than_json_is_text() -> None:
    event = parse_structured(event_json(data='<a b="ü"/>', datacontenttype="application/xml"))
    assert (event.data, event.data_form) == ('<a b="ü"/>'.encode(), "Text")
    assert parse_structured(to_structured(replace(event))) == event


@pytest.mark.parametrize(
    ("content_type", "is_text"),
    [
        ("application/json", False),
        ("text/JSON ; charset=utf-8", False),
        ("application/vnd.x+json", False),
        ("text/plain", True),
        ("application/json-seq", True),
        ("application/x;format=json", True),
    ],
)
def test_the_content_type_says_whether_a_string_is_json(content_type: str, *, is_text: bool) -> None:
    event = parse_structured(event_json(data="x", datacontenttype=content_type))
    assert event.data == (b"x" if is_text else b'"x"')


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "BadJSON"),
        (b"[]", "BadJSON"),
        (b"nul", "BadJSON"),
        (b"\xef\xbb\xbf" + event_json(), "BadJSON"),
        (event_json() + b"x", "BadJSON"),
        (event_json()[:-1] + b",}", "BadJSON"),
        (event_json()[:-1], "BadJSON"),
        (event_json()[:-1] + b',"data":{"a":1,}}', "BadJSON"),
        (event_json()[:-1] + b',"data":[NaN]}', "BadJSON"),
        (event_json()[:-1] + b',"data":[1e400,01]}', "BadJSON"),
        (event_json()[:-1] + b',"data":[1e400,1e5e5]}', "BadJSON"),
        (event_json()[:-1] + b',"data":01}', "BadJSON"),
        (event_json()[:-1] + b',"data":"a\nb"}', "BadJSON"),
        (event_json()[:-1] + b',"data":{"a":"\\ud800"}}', "BadJSON"),
        (event_json()[:-1] + b',"data":{}}}', "BadJSON"),
        (event_json()[:-1] + b',"data":{}]', "BadJSON"),
        (event_json()[:-1] + b',"data":{}', "BadJSON"),
        (event_json()[:-1] + b',"data":{"a":[}]}', "BadJSON"),
        (event_json(id="x")[:-1] + b',"ext":"\\ud800"}', "BadJSON"),
        (b'{"id":"\xff"}', "InvalidUTF8"),
        (event_json()[:-1] + b',"data":"\xc0\xa0"}', "InvalidUTF8"),
        (event_json()[:-1] + b',"id":"1"}', "DuplicateMember"),
        (event_json()[:-1] + b',"id":"1","data":{}}', "DuplicateMember"),
        (event_json()[:-1] + b',"id":1,"data":{}}', "DuplicateMember"),
        (event_json()[:-1] + b',"\\u0069d":"1","data":{}}', "DuplicateMember"),
        (event_json()[:-1] + b',"data":{},"data":{}}', "DuplicateMember"),
        (event_json()[:-1] + b',"\\u0064ata":{},"data":{}}', "DuplicateMember"),
        (event_json()[:-1] + b',"\\u0064ata":1,"data":{}}', "DuplicateMember"),
        (event_json()[:-1] + b',"data":1,"data":{}}', "DuplicateMember"),
        (event_json()[:-1] + b',"data":{},"id":"1"}', "DuplicateMember"),
        (b"{}", "MissingAttribute"),
        (event_json(id=None), "MissingAttribute"),
        (event_json(specversion="0.3"), "BadSpecVersion"),
        (event_json(id=""), "BadAttributeValue"),
        (event_json(id=1), "BadAttributeValue"),
        (event_json(subject=True), "BadAttributeValue"),
        (event_json(subject=""), "BadAttributeValue"),
        (event_json(source="a\nb"), "BadAttributeValue"),
        (event_json(source="\ufdd0"), "BadAttributeValue"),
        (event_json(subject="a" * 8193), "BadAttributeValue"),
        (event_json(time="yesterday"), "BadAttributeValue"),
        (event_json(time="2026-13-01T00:00:00Z"), "BadAttributeValue"),
        (event_json(datacontenttype="json"), "BadAttributeValue"),
        (event_json(datacontenttype="text/plain; ü"), "BadAttributeValue"),
        (event_json(ext=1.0), "BadAttributeValue"),
        (event_json(ext=1.0, data={}), "BadAttributeValue"),
        (event_json(ext=2**63), "BadAttributeValue"),
        (event_json(ext=2**63, data={}), "BadAttributeValue"),
        (event_json(ext={}), "BadAttributeValue"),
        (event_json(ext=[], data={}), "BadAttributeValue"),
        (event_json(ext="\x7f"), "BadAttributeValue"),
        (event_json(Ext="x"), "BadAttributeName"),
        (event_json(**{"my-ext": "x"}), "BadAttributeName"),
        (event_json(**{"": "x"}), "BadAttributeName"),
        (event_json(**{"a" * 65: "x"}), "BadAttributeName"),
        (event_json(**{f"a{number}": 1 for number in range(61)}), "TooManyAttributes"),
        (event_json(**{f"a{number}": 1 for number in range(61)}, data={}), "TooManyAttributes"),
        (event_json(data=1, data_base64="AA=="), "BadData"),
        (event_json(data_base64="?"), "BadData"),
        (event_json(data_base64="AA"), "BadData"),
        (event_json(data_base64=1), "BadData"),
        (event_json(data_base64="AA==", data={}), "BadData"),
        (event_json()[:-1] + b',"data":' + b"[" * 1100 + b"]" * 1100 + b"}", "TooDeep"),
        (event_json()[:-1] + b',"data":' + b"[" * 1100 + b"1e400" + b"]" * 1100 + b"}", "TooDeep"),
        (event_json()[:-1] + b',"data":' + b'{"a":' * 1100 + b"1" + b"}" * 1100 + b',"x":1}', "TooDeep"),
        (event_json(data="a" * MAX_EVENT_BYTES), "EventTooLarge"),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    assert reason_of(body) == reason


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ed1.-u0 ', max_size=60).map(str.encode))
def test_anything_else_is_refused_too(body: bytes) -> None:
    for whole in (body, event_json()[:-1] + b',"data":' + body + b"}", event_json()[:-1] + b"," + body + b"}"):
        try:
            event = parse_structured(whole)
        except Invalid:
            continue
        assert json.loads(whole)["id"] == event.id


@pytest.mark.parametrize(
    "hostile",
    [
        b'["' + b'\\"' * 380_000,
        b'[1e400,"' + b'\\"' * 380_000 + b",",
        b"[" * 700_000,
        b"[{" * 350_000,
        b'"' * 700_001,
        b"{" + b'"a":{},' * 100_000,
    ],
)
def test_hostile_text_of_the_largest_size_is_refused_in_linear_time(hostile: bytes) -> None:
    body = HEAD.encode() + b',"data":' + hostile + b"}"
    [seconds] = repeat(lambda: reason_of(body), number=1, repeat=1)
    assert seconds < 5  # 0.2 s on an idle machine; quadratic time would be minutes


def test_a_usual_event_of_one_kilobyte_is_read_in_microseconds() -> None:
    items = [{"sku": f"sku-{number}", "price": number * 1.25} for number in range(24)]
    body = event_json(subject="order-17", time="2026-11-24T10:00:00Z", traceparent="0" * 55, data={"items": items})
    assert 900 < len(body) < 1100
    seconds = min(repeat(lambda: parse_structured(body), number=200, repeat=20)) / 200
    assert seconds < 60e-6  # 12 us on an idle machine; the bound leaves room for a busy one, not for another algorithm


def test_a_batch_gives_each_event_as_if_it_came_alone() -> None:
    bodies = [
        event_json(data=[1, 2]),
        event_json(id="2", ext="]},{"),
        HEAD.encode() + b',"data":1e400,"x":"y"}',
    ]
    events = parse_batch(b" [" + b" ,\n".join(bodies) + b"] ")
    assert [to_structured(event) for event in events] == bodies
    assert parse_batch(to_batch(events)) == events
    assert parse_batch(b" [ ] ") == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "BadJSON"),
        (b"{}", "BadJSON"),
        (b"[1]", "BadJSON"),
        (b"[" + event_json() + b",]", "BadJSON"),
        (b"[" + event_json(), "BadJSON"),
        (b"[]x", "BadJSON"),
        (b"[{}]", "MissingAttribute"),
        (b'["\xff"]', "InvalidUTF8"),
        (b"[" + b",".join([b"{}"] * (MAX_BATCH_EVENTS + 1)) + b"]", "TooManyEvents"),
        (b" " * (MAX_BATCH_BYTES + 1), "BatchTooLarge"),
        (b"[" + event_json(data="a" * MAX_EVENT_BYTES) + b"]", "EventTooLarge"),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused_as_a_whole(body: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_batch(body)
    assert caught.value.reason == reason


def test_an_event_that_outgrows_the_bound_is_not_written() -> None:
    octets = b"\0" * (MAX_EVENT_BYTES * 4 // 5)
    with pytest.raises(Invalid) as caught:
        to_structured(CloudEvent(id="1", source="/s", type="t", data=octets, data_form="Octets"))
    assert caught.value.reason == "EventTooLarge"
    with pytest.raises(Invalid):
        CloudEvent(id="1", source="/s", type="t", data=b"\0" * (MAX_EVENT_BYTES + 1))


@pytest.mark.parametrize(("form", "reason"), [("JSON", "BadJSON"), ("Text", "InvalidUTF8")])
def test_data_that_is_not_what_its_form_says_is_not_written(form: DataForm, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        to_structured(CloudEvent(id="1", source="/s", type="t", data=b'"\xff', data_form=form))
    assert caught.value.reason == reason


@pytest.mark.parametrize("missing", ["id", "source", "type"])
def test_an_event_without_a_required_attribute_cannot_be_made(missing: str) -> None:
    arguments: dict[str, Any] = {"id": "1", "source": "/s", "type": "t", missing: None}
    with pytest.raises(Invalid, match=f"attribute {missing}"):
        CloudEvent(**arguments)


@pytest.mark.parametrize("name", ["data", "data_base64", "type"])
def test_an_extension_cannot_take_the_place_of_a_member(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        CloudEvent(id="1", source="/s", type="t", extensions={name: "x"})
    assert caught.value.reason == "BadAttributeName"


def test_messages_name_the_attribute_and_hold_no_data() -> None:
    with pytest.raises(Invalid) as caught:
        parse_structured(event_json(time="secret"))
    assert "attribute time" in caught.value.message
    assert "secret" not in caught.value.message
    assert "secret" not in repr(parse_structured(event_json(data="secret")))


def test_the_extensions_of_an_event_cannot_be_changed() -> None:
    given_extensions: dict[str, Any] = {"a": "1"}
    event = CloudEvent(id="1", source="/s", type="t", extensions=given_extensions)
    given_extensions["a"] = "2"
    assert event.extensions == {"a": "1"}
    assert not hasattr(event.extensions, "__setitem__")
