"""A CloudEvents batch: what receivers read out of it is what was put in."""

import json

import pytest

from jethook_contract.cloudevents import CloudEvent, parse_batch, parse_structured
from jethook_contract.errors import Invalid
from jethook_processing.batch import batch_id, batched_size, render_batch
from jethook_processing.render import webhook_id

EVENTS = [
    parse_structured(
        b'{ "specversion": "1.0", "id": "a", "source": "/s", "type": "t", "n": 7, "data": {"price": 1.10} }'
    ),
    CloudEvent(
        id="b", source="/s", type="t", datacontenttype="text/plain", data="gr\u00fc\u00df".encode(), data_form="Text"
    ),
    CloudEvent(id="c", source="/s", type="t", data=b"\x00\xff", data_form="Octets", extensions={"urgent": True}),
    CloudEvent(id="d", source="/s", type="t", subject="none"),
]


def test_our_own_reader_finds_each_member_again() -> None:
    rendered = render_batch(EVENTS)
    assert rendered.headers == (("content-type", "application/cloudevents-batch+json"),)
    assert parse_batch(rendered.body) == EVENTS


def test_any_json_reader_finds_the_members_of_the_cloudevents_json_format() -> None:
    members = json.loads(render_batch(EVENTS).body)
    assert [member["id"] for member in members] == ["a", "b", "c", "d"]
    assert [member.get("data") for member in members] == [{"price": 1.1}, "gr\u00fc\u00df", None, None]
    assert [member.get("data_base64") for member in members] == [None, None, "AP8=", None]
    assert (members[0]["n"], members[2]["urgent"], members[3]["subject"]) == (7, True, "none")
    assert {member["specversion"] for member in members} == {"1.0"}


def test_a_structured_member_stands_as_it_came() -> None:
    assert EVENTS[0].envelope is not None
    assert EVENTS[0].envelope in render_batch(EVENTS).body


def test_a_batch_of_one_is_a_batch() -> None:
    assert parse_batch(render_batch(EVENTS[:1]).body) == EVENTS[:1]


def test_the_size_of_a_batch_is_that_of_its_members_brackets_and_commas() -> None:
    assert len(render_batch(EVENTS).body) == sum(map(batched_size, EVENTS)) + len(EVENTS) + 1


def test_an_event_that_fits_no_batch_is_found_out_by_its_size() -> None:
    octets = CloudEvent(id="a", source="/s", type="t", data=b"x" * 700_000, data_form="Octets")
    with pytest.raises(Invalid, match="EventTooLarge"):
        batched_size(octets)


def test_the_id_depends_on_the_members_and_their_order_only() -> None:
    ids = [webhook_id(event, namespace="shop", subscription="orders") for event in EVENTS]
    assert batch_id(ids) == batch_id(tuple(ids))
    assert batch_id(ids).startswith("msg_")
    others = [ids[:3], ids[1:], ids[::-1], [*ids, ids[0]], []]
    assert len({batch_id(ids), *map(batch_id, others)}) == 6
    assert batch_id(["msg_a", "msg_b"]) != batch_id(["msg_amsg_b"])
    assert batch_id(ids[:1]) != ids[0]
