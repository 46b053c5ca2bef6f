"""A Subscription for which nothing waits costs no requests, and is looked at again as soon as something may wait."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest
from nats.aio.msg import Msg

from jethook_contract import names
from jethook_contract.plan import PlanPart, RetryPolicy
from jethook_contract.selection import BacklogPolicy
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.lane_backlog import BacklogReader
from tests.dispatcher.lanes.world import NAMESPACE, World
from tests.fixtures.behaviours import answers
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = [pytest.mark.component, pytest.mark.usefixtures("local")]

ROUNDS = 10


class Requests:
    """Count the requests to JetStream by kind and the name they end with."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    async def hear(self, message: Msg) -> None:
        """Count one."""
        tokens = message.subject.split(".")
        self.seen[".".join((*tokens[2:4], tokens[-1]))] += 1

    def looks(self, part: PlanPart) -> int:
        """Give how often what waits for a Subscription was asked."""
        return self.seen[f"CONSUMER.INFO.{part.consumer}"]


@pytest.fixture
async def requests(world: World) -> AsyncIterator[Requests]:
    counted = Requests()
    listening = await world.client.subscribe("$JS.API.>", cb=counted.hear)
    yield counted
    await listening.unsubscribe()


@pytest.fixture
async def busy(world: World, receiver: Receiver) -> PlanPart:
    """Give a Subscription for which an event waits: it is looked at in each round."""
    part = await world.subscribe("busy", url=receiver.url, endpoint="busy", types=("com.busy.made",))
    await world.set_state(part, state="Suspended")
    await world.publish(1, event_type="com.busy.made")
    return part


async def rounds(requests: Requests, *, of: PlanPart) -> None:
    """Wait until a number of rounds have gone by."""
    wanted = requests.looks(of) + ROUNDS
    await eventually(lambda: requests.looks(of) >= wanted)


async def quiet(requests: Requests, *parts: PlanPart, busy: PlanPart) -> bool:
    """Tell whether some rounds go by without a look at any of these Subscriptions."""
    before = [requests.looks(part) for part in parts]
    await rounds(requests, of=busy)
    return min(before) > 0 and [requests.looks(part) for part in parts] == before


@pytest.mark.parametrize("state", ["Active", "Suspended"])
async def test_a_quiet_subscription_is_not_looked_at(
    world: World, receiver: Receiver, requests: Requests, busy: PlanPart, state: str
) -> None:
    part = await world.subscribe("calm", url=receiver.url)
    if state == "Active":
        await world.publish(3)
        await receiver.wait_for_requests(3)
    else:
        await world.set_state(part, state="Suspended")
    await eventually(lambda: quiet(requests, part, busy=busy))


async def test_events_for_others_do_not_disturb_one_that_pulls(
    world: World, receiver: Receiver, requests: Requests, busy: PlanPart
) -> None:
    part = await world.subscribe("calm", url=receiver.url, types=("com.calm.made",))
    await eventually(lambda: quiet(requests, part, busy=busy))
    before = requests.looks(part)
    await world.publish(3, event_type="com.busy.made")
    await rounds(requests, of=busy)
    assert requests.looks(part) == before


async def test_looks_at_the_same_time_ask_their_stream_once(world: World, requests: Requests) -> None:
    reader, stream = BacklogReader(world.js, clock=Clock()), names.events_stream(NAMESPACE)
    await world.publish(1)
    assert await asyncio.gather(*(reader.last_sequence(stream) for _ in range(10))) == [1] * 10
    await reader.last_sequence(names.ATTEMPTS_STREAM)
    await eventually(lambda: requests.seen[f"STREAM.INFO.{names.ATTEMPTS_STREAM}"])
    assert requests.seen[f"STREAM.INFO.{stream}"] == 1


async def test_a_bound_is_kept_for_one_that_was_quiet_while_suspended(
    world: World, receiver: Receiver, requests: Requests, busy: PlanPart
) -> None:
    part = await world.subscribe("bounded", url=receiver.url, shape={"backlog": BacklogPolicy(max_events=3)})
    await world.set_state(part, state="Suspended")
    await eventually(lambda: quiet(requests, part, busy=busy))
    published = await world.publish(10)

    async def trimmed() -> bool:
        return [letter["id"] for letter in await world.dead_letters("bounded")] == published[:7]

    await eventually(trimmed)


async def test_what_grows_too_old_goes_also_when_nothing_else_comes(
    world: World, receiver: Receiver, requests: Requests, busy: PlanPart
) -> None:
    part = await world.subscribe("old", url=receiver.url, shape={"backlog": BacklogPolicy(max_age_seconds=2)})
    await world.set_state(part, state="Suspended")
    await eventually(lambda: quiet(requests, part, busy=busy))
    old = await world.publish(4)

    async def gone() -> bool:
        return [letter["id"] for letter in await world.dead_letters("old")] == old

    await eventually(gone)


async def test_one_for_which_an_event_waits_again_is_looked_at_in_each_round(
    world: World, receivers: Callable[..., Receiver], requests: Requests, busy: PlanPart
) -> None:
    receiver = receivers(answers(500))
    retry = RetryPolicy(max_attempts=9, initial_delay_seconds=60, factor=1, jitter_percent=0)
    part = await world.subscribe("failing", url=receiver.url, endpoint="failing", retry=retry)
    await eventually(lambda: quiet(requests, part, busy=busy))
    before = requests.looks(part)
    await world.publish(1)
    await receiver.wait_for_requests(1)
    await eventually(lambda: requests.looks(part) >= before + 10)
