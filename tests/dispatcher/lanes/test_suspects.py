"""An event that was handed out too often is tried alone, in its place, and given up when its trials kill."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from jethook_contract import names
from jethook_contract.plan import PlanPart
from jethook_contract.selection import Batch, Filter, Merge, Ordering
from jethook_dispatcher.core.crash_trial import SUSPECT_AFTER
from jethook_dispatcher.core.lane_reply import Handed, read_reply
from jethook_dispatcher.shell.lane_background import Background
from jethook_dispatcher.shell.trials import Trials
from tests.dispatcher.lanes.lives import Lives
from tests.dispatcher.lanes.shapes import events_in, ids_in
from tests.dispatcher.lanes.world import NAMESPACE, World
from tests.fixtures.behaviours import answers, failing, slow
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

Receivers = Callable[..., Receiver]
Shape = Mapping[str, object]
OTHER = "com.other.made"
SHAPES: Mapping[str, Shape] = {
    "plain": {},
    "filtered": {"filter": Filter(cel="event.id != 'nobody'")},
    "ordered": {"ordering": Ordering(key_from="event.subject")},
    "batch": {"batch": Batch(max_events=10, max_wait_milliseconds=100)},
    "merge": {"merge": Merge(key_from="event.subject", window_seconds=1, strategy="Collect")},
}


@pytest.fixture
def lives(world: World, nats_server: NatsServer, tmp_path: Path) -> Iterator[Lives]:
    found = Lives(nats_server.url, keys_file=world.keys_file, folder=tmp_path)
    yield found
    found.close()


@pytest.fixture
async def dead(world: World) -> AsyncIterator[Trials]:
    """Give what a process that died has written with."""
    background = Background()
    yield Trials(world.js, pool="default", spawn=background.spawn)
    await background.close()


async def hand_out(world: World, subscription: str, *, events: int) -> dict[int, Handed]:
    """Hand all events out, and take them back, as often as makes them suspects; gives the last time of each."""
    name = names.subscription_consumer(subscription)
    pull = await world.js.pull_subscribe_bind(name, stream=names.events_stream(NAMESPACE))
    last: dict[int, Handed] = {}
    for _ in range(SUSPECT_AFTER):
        in_hand: list[Msg] = []
        while len(in_hand) < events:
            in_hand += await pull.fetch(events - len(in_hand), timeout=5)
        for message in in_hand:
            handed = read_reply(message.reply)
            last[handed.sequence] = handed
            await message.nak()
    await pull.unsubscribe()
    return last


@pytest.mark.parametrize("shape", SHAPES)
async def test_suspects_are_tried_one_at_a_time_and_in_their_order(
    world: World, receivers: Receivers, lives: Lives, shape: str
) -> None:
    receiver = receivers(slow(0.05))
    await world.subscribe("all", url=receiver.url, shape=SHAPES[shape])
    published = await world.publish(6, keys=("a", "b"))
    await hand_out(world, "all", events=6)
    lives.start()
    await eventually(lambda: world.done("all"), seconds=60)
    assert sorted(one for ids in ids_in(receiver) for one in ids) == published
    assert [len(ids) for ids in ids_in(receiver)] == [1] * 6
    assert receiver.most_open_requests == 1
    assert await world.dead_letters("all") == []
    if shape == "ordered":
        events = [event for received in receiver.requests for event in events_in(received)]
        assert [one["id"] for one in events if one["subject"] == "a"] == published[::2]
        assert [one["id"] for one in events if one["subject"] == "b"] == published[1::2]


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_event_in_whose_trials_two_processes_died_is_given_up_untried(
    world: World, receiver: Receiver, lives: Lives, dead: Trials, shape: str
) -> None:
    part = await world.subscribe("all", url=receiver.url, shape=SHAPES[shape])
    published = await world.publish(3, keys=("a",))
    handed = await hand_out(world, "all", events=3)
    await dead.begin(part, handed=handed[2], step="Attempt", deaths=1)
    lives.start()
    await eventually(lambda: world.done("all"), seconds=60)
    assert sorted(one for ids in ids_in(receiver) for one in ids) == [published[0], published[2]]
    assert [(one["id"], one["Jethook-Reason"]) for one in await world.dead_letters("all")] == [
        (published[1], "CrashLoop")
    ]


async def test_an_event_in_whose_trial_one_process_died_is_tried_when_nothing_else_runs(
    world: World, receivers: Receivers, lives: Lives, dead: Trials
) -> None:
    suspected, busy = receivers(), receivers(slow(0.5))
    part = await world.subscribe("all", url=suspected.url)
    await world.subscribe("busy", endpoint="busy", url=busy.url, types=("com.other.**",), max_in_flight=2)
    published = await world.publish(1)
    handed = await hand_out(world, "all", events=1)
    await dead.begin(part, handed=handed[1], step="Attempt", deaths=0)
    await world.publish(40, event_type=OTHER)
    lives.start()
    (tried,) = await suspected.wait_for_requests(1, seconds=60)
    begun = [one.at for one in busy.requests]
    assert begun, "nothing ran beside it, so this shows nothing"
    assert not [at for at in begun if tried.at - 0.5 < at < tried.at], "an attempt was under way"
    await eventually(lambda: world.done("busy"), seconds=60)
    assert ids_in(suspected) == [published]
    assert await world.dead_letters("all") == []


async def test_a_suspect_that_went_through_an_attempt_is_none_any_more(
    world: World, receivers: Receivers, lives: Lives
) -> None:
    receiver = receivers(failing([500, 500]))
    await world.subscribe("all", url=receiver.url)
    published = await world.publish(1)
    await hand_out(world, "all", events=1)
    lives.start()
    await receiver.wait_for_requests(3, seconds=60)
    assert ids_in(receiver) == [published] * 3
    assert lives.log.count("suspect tried alone") == 1


async def test_an_ordered_follower_waits_behind_a_suspect_that_fails(
    world: World, receivers: Receivers, lives: Lives
) -> None:
    receiver = receivers(failing([500]))
    part: PlanPart = await world.subscribe("all", url=receiver.url, shape=SHAPES["ordered"])
    published = await world.publish(3, keys=("a",))
    await hand_out(world, part.subscription.name, events=3)
    lives.start()
    await eventually(lambda: world.done("all"), seconds=60)
    assert ids_in(receiver) == [published[:1], *[[one] for one in published]]


async def test_a_suspect_waits_while_nats_is_away_and_is_delivered_afterwards(
    world: World, receivers: Receivers, lives: Lives, nats_server: NatsServer
) -> None:
    receiver = receivers(answers(500))
    await world.subscribe("all", url=receiver.url, ack_wait_seconds=2, shape=SHAPES["ordered"])
    published = await world.publish(4, keys=("a", "b"))
    await hand_out(world, "all", events=4)
    lives.start()
    await receiver.wait_for_requests(1, seconds=60)
    nats_server.kill()
    receiver.behaviour = answers(200)
    await asyncio.sleep(3)  # longer than the lease is valid
    await asyncio.to_thread(nats_server.start)
    await eventually(lambda: world.done("all"), seconds=90)
    assert {one for ids in ids_in(receiver) for one in ids} == set(published)
    assert await world.dead_letters("all") == []
