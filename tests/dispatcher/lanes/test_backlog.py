"""What waits is bounded, also while nothing is sent; what was purged is not sent from memory."""

from collections.abc import Callable

import pytest

from jethook_contract.plan import RetryPolicy
from jethook_contract.selection import BacklogPolicy, Ordering
from tests.dispatcher.lanes.world import World
from tests.fixtures.behaviours import answers
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = [pytest.mark.component, pytest.mark.usefixtures("local")]

Receivers = Callable[..., Receiver]


async def test_the_oldest_of_too_many_go_to_the_dead_letters_also_while_suspended(
    world: World, receiver: Receiver
) -> None:
    part = await world.subscribe("bounded", url=receiver.url, shape={"backlog": BacklogPolicy(max_events=3)})
    await world.set_state(part, state="Suspended")
    published = await world.publish(10)

    async def trimmed() -> bool:
        return len(await world.dead_letters("bounded")) == 7

    await eventually(trimmed)
    letters = await world.dead_letters("bounded")
    assert [letter["id"] for letter in letters] == published[:7]
    assert {letter["Jethook-Reason"] for letter in letters} == {"BacklogExceeded"}
    assert await world.waiting("bounded") == (3, 0)
    assert receiver.requests == []
    await world.set_state(part, state="Active")
    await eventually(lambda: world.done("bounded"))
    assert len(receiver.requests) == 3


async def test_what_is_too_old_goes_while_suspended_and_the_rest_stays(world: World, receiver: Receiver) -> None:
    part = await world.subscribe("old", url=receiver.url, shape={"backlog": BacklogPolicy(max_age_seconds=2)})
    await world.set_state(part, state="Suspended")
    old = await world.publish(5)

    async def gone() -> bool:
        return [letter["id"] for letter in await world.dead_letters("old")] == old

    await eventually(gone)
    await world.publish(2)
    await world.set_state(part, state="Active")
    await eventually(lambda: world.done("old"))
    assert len(receiver.requests) == 2


async def test_what_was_held_of_a_consumer_that_was_made_anew_is_not_sent(world: World, receivers: Receivers) -> None:
    receiver = receivers(answers(500))
    retry = RetryPolicy(max_attempts=50, initial_delay_seconds=3, factor=1, jitter_percent=0)
    ordered = {"ordering": Ordering(key_from="event.subject")}
    part = await world.subscribe("purged", url=receiver.url, retry=retry, shape=ordered)
    await world.publish(10, keys=("a",))
    await receiver.wait_for_requests(1)
    config = (await world.js.consumer_info(part.stream, part.consumer)).config
    await world.js.delete_consumer(part.stream, part.consumer)
    await world.js.add_consumer(part.stream, config)
    receiver.behaviour = answers(200)
    (last,) = await world.publish(1, keys=("b",))
    await eventually(lambda: any(last.encode() in received.body for received in receiver.requests))
    await eventually(lambda: world.done("purged"))
    assert {received.body[:60] for received in receiver.requests if last.encode() not in received.body} == {
        receiver.requests[0].body[:60]
    }
