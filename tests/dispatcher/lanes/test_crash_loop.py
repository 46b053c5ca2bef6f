"""An event that ends the process is found and given up; nothing else is, whatever ends the process."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from jethook_contract import names
from jethook_contract.selection import Batch, Filter, Ordering
from jethook_dispatcher.core.crash_trial import CONVICTED_AFTER, SUSPECT_AFTER
from tests.dispatcher.lanes.lives import Lives
from tests.dispatcher.lanes.shapes import ids_in
from tests.dispatcher.lanes.world import World
from tests.fixtures.behaviours import answers, hanging
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

Receivers = Callable[..., Receiver]
ACK_WAIT_SECONDS = 2
DEATHS = SUSPECT_AFTER + CONVICTED_AFTER
SHAPES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "plain": ("send", {}),
    "ordered": ("send", {"ordering": Ordering(key_from="event.subject")}),
    "batch": ("send", {"batch": Batch(max_events=10, max_wait_milliseconds=100)}),
    "filter": ("filter", {"filter": Filter(cel="event.id != 'nobody'")}),
}


@pytest.fixture
def lives(world: World, nats_server: NatsServer, tmp_path: Path) -> Iterator[Lives]:
    found = Lives(nats_server.url, keys_file=world.keys_file, folder=tmp_path)
    yield found
    found.close()


async def trials_left(world: World) -> list[str]:
    """Name the trial records in the bucket."""
    info = await world.js.stream_info(f"KV_{names.retries_bucket('default')}", subjects_filter=">")
    return [subject for subject in info.state.subjects or {} if subject.endswith(".trial")]


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_event_that_kills_the_process_is_given_up_and_its_neighbours_are_delivered(
    world: World, receiver: Receiver, lives: Lives, shape: str
) -> None:
    step, fields = SHAPES[shape]
    await world.subscribe("all", url=receiver.url, ack_wait_seconds=ACK_WAIT_SECONDS, shape=fields)
    published = await world.publish(51, keys=("a", "b", "c", "d", "e"))
    poison = published[7]
    await lives.until(lambda: world.done("all"), step=step, deadly=[poison], most_deaths=DEATHS)
    delivered = {one for ids in ids_in(receiver) for one in ids}
    assert delivered == set(published) - {poison}
    letters = await world.dead_letters("all")
    assert [(letter["id"], letter["Jethook-Reason"]) for letter in letters] == [(poison, "CrashLoop")]
    assert letters[0]["Jethook-Attempts"] == "0"
    assert "handed out" in letters[0]["Jethook-Last-Error"]
    assert lives.deaths >= CONVICTED_AFTER

    async def none_left() -> bool:
        return not await trials_left(world)

    await eventually(none_left)


async def test_kills_from_outside_give_nothing_up(world: World, receivers: Receivers, lives: Lives) -> None:
    receiver = receivers(hanging())
    await world.subscribe("all", url=receiver.url, ack_wait_seconds=ACK_WAIT_SECONDS, max_in_flight=10)
    published = await world.publish(50)
    for _ in range(SUSPECT_AFTER + 1):
        lives.start()
        await receiver.wait_for_open_requests(1, seconds=60)
        lives.kill()
        await eventually(lambda: not receiver.open_requests)
    receiver.behaviour = answers(200)
    await lives.until(lambda: world.done("all"), most_deaths=lives.deaths)
    assert {one for ids in ids_in(receiver) for one in ids} == set(published)
    assert await world.dead_letters("all") == []
    assert "suspect tried alone" in lives.log, "the kills were too few to show anything"
