"""Nothing accepted is lost, whatever is killed or stopped: delivered + dead-lettered = expected."""

import asyncio
import bisect
import json
import signal
from collections import Counter
from collections.abc import Callable

import pytest

from jethook_contract import names
from jethook_contract.plan import RetryPolicy
from tests.dispatcher.lanes.processes import Process
from tests.dispatcher.lanes.world import NAMESPACE, World, ids_of
from tests.fixtures.behaviours import failing, slow
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

ENDPOINTS = 8
WIDTH = 10
ANSWER_SECONDS = 0.05
Receivers = Callable[..., Receiver]
Dispatchers = Callable[[str], Process]


def deliveries(receiver: Receiver) -> Counter[str]:
    """Count how often each event came."""
    return Counter(ids_of(received.body for received in receiver.requests))


async def subscribe_many(world: World, receiver: Receiver) -> list[str]:
    """Make Subscriptions on endpoints that lie in several shards; each takes a type of its own."""
    subscriptions = [f"part-{number}" for number in range(ENDPOINTS)]
    for name in subscriptions:
        await world.subscribe(
            name, endpoint=name, url=receiver.url, types=(f"com.{name}.**",), ack_wait_seconds=12, max_in_flight=WIDTH
        )
    return subscriptions


async def publish_to_all(world: World, subscriptions: list[str], *, count: int) -> list[str]:
    per_subscription = [
        await world.publish(count // ENDPOINTS, event_type=f"com.{name}.made") for name in subscriptions
    ]
    return [one for ids in per_subscription for one in ids]


async def all_done(world: World, subscriptions: list[str]) -> bool:
    return all([await world.done(name) for name in subscriptions])


async def claims(world: World) -> Counter[str]:
    """Count the shards that each member claims."""
    bucket = await world.js.key_value(names.members_bucket("default"))
    found: Counter[str] = Counter()
    for key in await bucket.keys():
        if key.startswith("claim."):
            claim = json.loads((await bucket.get(key)).value or b"{}")
            if not claim.get("released"):
                found[claim["member"]] += 1
    return found


async def two_members(world: World, dispatchers: Dispatchers) -> tuple[Process, Process]:
    """Start two and wait until each has at least 100 shards."""
    first, second = dispatchers("one"), dispatchers("two")

    async def settled() -> bool:
        try:
            held = await claims(world)
        except Exception:  # noqa: BLE001 -- the bucket is made by the members
            return False
        return held["one"] >= 100 and held["two"] >= 100 and held.total() == 256

    await eventually(settled, seconds=40, every_seconds=0.5)
    return first, second


async def test_a_dispatcher_killed_in_a_burst_loses_nothing(
    world: World, receivers: Receivers, dispatchers: Dispatchers
) -> None:
    receiver = receivers(slow(0.01))
    subscriptions = await subscribe_many(world, receiver)
    victim = dispatchers("victim")
    published = await publish_to_all(world, subscriptions, count=5000)
    await receiver.wait_for_requests(500, seconds=30)
    await receiver.wait_for_open_requests(1)
    open_at_kill = receiver.open_requests
    victim.kill()
    assert open_at_kill >= 1
    dispatchers("heir")
    await eventually(lambda: all_done(world, subscriptions), seconds=90, every_seconds=0.5)
    seen = deliveries(receiver)
    assert set(seen) == set(published)
    assert await no_dead_letters(world)
    # What was open, or answered and not yet acknowledged, comes twice; the rest does not.
    assert seen.total() - len(seen) <= 2 * WIDTH * ENDPOINTS


async def test_nats_away_for_5_and_20_seconds_loses_nothing_and_no_shard_has_two_owners(
    world: World, receivers: Receivers, dispatchers: Dispatchers, nats_server: NatsServer
) -> None:
    receiver = receivers(slow(ANSWER_SECONDS))
    subscriptions = await subscribe_many(world, receiver)
    await two_members(world, dispatchers)
    published = await publish_to_all(world, subscriptions, count=8000)
    for away_seconds in (5.0, 20.0):
        before = len(receiver.requests)
        await receiver.wait_for_requests(before + 300, seconds=60)
        await receiver.wait_for_open_requests(5)
        assert receiver.open_requests >= 1
        assert len(receiver.requests) < len(published)
        await nats_server.away(away_seconds)
    await eventually(lambda: all_done(world, subscriptions), seconds=90, every_seconds=0.5)
    assert set(deliveries(receiver)) == set(published)
    assert await no_dead_letters(world)
    assert overlapping(receiver, seconds=ANSWER_SECONDS) == []
    assert busiest(receiver, seconds=ANSWER_SECONDS) <= WIDTH


async def test_a_stopped_dispatcher_that_wakes_does_no_harm(
    world: World, receivers: Receivers, dispatchers: Dispatchers
) -> None:
    receiver = receivers(slow(ANSWER_SECONDS))
    subscriptions = await subscribe_many(world, receiver)
    sleeper, _ = await two_members(world, dispatchers)
    published = await publish_to_all(world, subscriptions, count=6000)
    await receiver.wait_for_requests(300, seconds=30)
    await receiver.wait_for_open_requests(5)
    assert receiver.open_requests >= 1
    sleeper.send(signal.SIGSTOP)
    await asyncio.sleep(20)  # the fault itself, not a wait for something
    sleeper.send(signal.SIGCONT)
    await eventually(lambda: all_done(world, subscriptions), seconds=90, every_seconds=0.5)
    assert set(deliveries(receiver)) == set(published)
    assert await no_dead_letters(world)
    assert overlapping(receiver, seconds=ANSWER_SECONDS) == []
    assert busiest(receiver, seconds=ANSWER_SECONDS) <= WIDTH


async def test_a_graceful_end_makes_no_duplicate_and_hands_the_counts_over(
    world: World, receivers: Receivers, dispatchers: Dispatchers
) -> None:
    receiver = receivers(slow(0.02))
    flaky = receivers(failing([500], per=lambda received: received.headers["webhook-id"]))
    subscriptions = await subscribe_many(world, receiver)
    retry = RetryPolicy(max_attempts=3, initial_delay_seconds=20, jitter_percent=0)
    await world.subscribe("flaky", endpoint="flaky", url=flaky.url, types=("com.flaky.**",), retry=retry)
    leaver = dispatchers("leaver")
    failed = await world.publish(1, event_type="com.flaky.made")
    published = await publish_to_all(world, subscriptions, count=3000)
    await flaky.wait_for_requests(1, seconds=30)
    await receiver.wait_for_requests(500, seconds=30)
    leaver.send(signal.SIGTERM)
    assert await asyncio.to_thread(leaver.wait) == 0
    assert not await all_done(world, subscriptions)
    dispatchers("heir")
    await eventually(lambda: all_done(world, [*subscriptions, "flaky"]), seconds=90, every_seconds=0.5)
    seen = deliveries(receiver)
    assert set(seen) == set(published)
    assert seen.total() == len(published)
    assert [received.headers["jethook-attempt"] for received in flaky.requests] == ["1", "2"]
    assert set(deliveries(flaky)) == set(failed)
    assert await world.dead_letters("flaky") == []
    assert NAMESPACE in flaky.requests[0].headers["jethook-subscription"]


async def no_dead_letters(world: World) -> bool:
    return (await world.js.stream_info(names.deadletters_stream(NAMESPACE))).state.messages == 0


def busiest(receiver: Receiver, *, seconds: float) -> int:
    """Give the most requests that were surely open at once for one endpoint: two owners would go past its width."""
    arrivals: dict[str, list[float]] = {}
    for received in receiver.requests:
        arrivals.setdefault(received.headers["jethook-subscription"], []).append(received.at)
    shorter = seconds * 0.9  # the receiver's timer may be a little early
    return max(
        bisect.bisect_left(times, at + shorter) - number
        for times in map(sorted, arrivals.values())
        for number, at in enumerate(times)
    )


def overlapping(receiver: Receiver, *, seconds: float) -> list[str]:
    """Name the events of which a second request came while the first was surely still open."""
    last: dict[str, float] = {}
    found = []
    for received in receiver.requests:
        one = received.headers["webhook-id"]
        if received.at - last.get(one, -seconds) < seconds:
            found.append(one)
        last[one] = received.at
    return found
