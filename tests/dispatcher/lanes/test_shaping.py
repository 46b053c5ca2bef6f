"""What a lane makes of an event before it sends it: filters in every language, bindings and templates."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from jethook_contract.plan import Format
from jethook_contract.selection import Batch, Binding, Dialect, Filter, Merge, Transform
from jethook_contract.subjects import events_subject
from tests.dispatcher.lanes.world import EVENT_TYPE, NAMESPACE, World
from tests.fixtures.behaviours import failing
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = [pytest.mark.component, pytest.mark.usefixtures("local")]

SHAPE = {
    "bindings": (
        Binding(name="amount", from_="event.data.amount", type="Number"),
        Binding(name="note", from_="event.data.note", default="'none'"),
    ),
    "transform": Transform(
        template=json.dumps({"text": "${bindings.amount} EUR, ${bindings.note}", "for": "${context.subscription}"})
    ),
}


async def publish(world: World, *amounts: object) -> None:
    for number, amount in enumerate(amounts):
        body = {
            "specversion": "1.0",
            "id": f"e-{number}",
            "source": "/s",
            "type": EVENT_TYPE,
            "subject": f"order-{number}",
        }
        sent = json.dumps(body | {"data": {"amount": amount}}).encode()
        await world.js.publish(events_subject(NAMESPACE, EVENT_TYPE), sent)


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(cesql="subject = 'order-1'"),
        Filter(cel="event.data.amount == 1"),
        Filter(dialects=(Dialect(exact=(("subject", "order-1"),)),)),
    ],
    ids=["cesql", "cel", "dialects"],
)
async def test_only_what_the_filter_wants_is_sent(world: World, receiver: Receiver, wanted: Filter) -> None:
    await world.subscribe("picky", url=receiver.url, shape={"filter": wanted})
    await publish(world, 0, 1, 2)
    await eventually(lambda: world.done("picky"))
    assert [json.loads(one.body)["id"] for one in receiver.requests] == ["e-1"]
    assert await world.dead_letters("picky") == []


@pytest.mark.parametrize("form", ["Structured", "Binary", "Data"])
async def test_the_template_takes_the_place_of_the_data(world: World, receiver: Receiver, form: Format) -> None:
    await world.subscribe("shaped", url=receiver.url, shape={**SHAPE, "format": form})
    await publish(world, 12)
    (request,) = await receiver.wait_for_requests(1)
    expected = {"text": "12 EUR, none", "for": "shaped"}
    if form == "Structured":
        event = json.loads(request.body)
        assert (event["data"], event["id"], event["subject"]) == (expected, "e-0", "order-0")
    else:
        assert json.loads(request.body) == expected
        assert request.headers["content-type"] == "application/json"
    assert request.headers.get("ce-id") == ("e-0" if form == "Binary" else None)


async def test_every_attempt_sends_the_same(world: World, receivers: Callable[..., Receiver]) -> None:
    receiver = receivers(failing([500, 503]))
    await world.subscribe("again", url=receiver.url, shape=SHAPE)
    await publish(world, 12)
    requests = await receiver.wait_for_requests(3, seconds=20)
    assert len({request.body for request in requests}) == 1
    assert len({request.headers["webhook-id"] for request in requests}) == 1


async def test_an_event_that_cannot_be_shaped_is_dead_lettered_as_it_came(world: World, receiver: Receiver) -> None:
    await world.subscribe("shaped", url=receiver.url, shape=SHAPE)
    await publish(world, 12, "a lot", 13)
    await eventually(lambda: world.done("shaped"))
    assert len(receiver.requests) == 2
    (letter,) = await world.dead_letters("shaped")
    assert (letter["id"], letter["Jethook-Reason"], letter["Jethook-Attempts"]) == ("e-1", "BindingFailed", "0")


@pytest.mark.parametrize(
    "grouped",
    [
        {"batch": Batch(max_events=3, max_wait_milliseconds=10_000)},
        {"merge": Merge(key_from="event.source", window_seconds=1, strategy="Collect")},
    ],
    ids=["batch", "collect"],
)
async def test_an_event_that_cannot_be_shaped_does_not_take_its_batch_with_it(
    world: World, receiver: Receiver, grouped: dict[str, object]
) -> None:
    await world.subscribe("batched", url=receiver.url, shape={**SHAPE, **grouped})
    await publish(world, 1, "a lot", 2, 3)
    await eventually(lambda: world.done("batched"), seconds=20)
    (request,) = receiver.requests
    assert [event["data"]["text"] for event in json.loads(request.body)] == [
        "1 EUR, none",
        "2 EUR, none",
        "3 EUR, none",
    ]
    assert [letter["id"] for letter in await world.dead_letters("batched")] == ["e-1"]
