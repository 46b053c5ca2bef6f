"""Lanes share a process, and the Subscriptions of an endpoint share its places: who misbehaves holds up nobody else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.events import event, publish_evenly
from bench.measures import percentile
from bench.processes import Receiver as Listener
from bench.processes import receiving
from jethook_contract.plan import PlanPart
from jethook_contract.subjects import events_subject
from tests.dispatcher.lanes.processes import Process
from tests.dispatcher.lanes.world import NAMESPACE, World, ids_of
from tests.fixtures.behaviours import slow
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

HEALTHY = 97
PER_SECOND, SECONDS = 194, 5.0  # two a second to each of them
FLOOD, WAITING = 10_000, 50
WIDTH = 20
# The flood alone keeps the process busy for three seconds: its lanes take turns with the others, 10 to 20 ms at a time.
# Behind a queue, a pool of connections or of workers that all share, the ratio would be in the thousands.
MOST_RATIO = 30.0
QUICKEST_SECONDS = 0.003  # below this a ratio says more of the machine than of the lanes


@dataclass(frozen=True)
class Receivers:
    """Receivers in processes of their own: one that answers at once, one in 30 s, one in a second."""

    well: Listener
    hung: Listener
    slow: Listener


@asynccontextmanager
async def _listening(log: Path) -> AsyncIterator[Receivers]:
    async with receiving(log) as well, receiving(log) as hung, receiving(log) as slow_one:
        await hung.hang_for(30.0)
        await slow_one.hang_for(1.0)
        yield Receivers(well, hung, slow_one)


def _subject(name: str) -> str:
    return events_subject(NAMESPACE, f"com.example.{name}")


async def _lay(world: World, receivers: Receivers) -> tuple[list[str], PlanPart]:
    """Make 100 endpoints with a Subscription each; give the subjects of the healthy ones, and the one that will flood.

    Its events wait while it is suspended.
    """
    healthy = [f"w{number}" for number in range(HEALTHY)]
    urls = {name: receivers.well.hook("well") for name in healthy}
    urls |= {"flood": receivers.well.hook("flood"), "slow": receivers.slow.hang("slow")}
    urls |= {"hung": receivers.hung.hang("hung")}
    for name, url in urls.items():
        types = (f"com.example.{name}",)
        part = await world.subscribe(name, endpoint=name, url=url, types=types, max_in_flight=WIDTH, timeout_seconds=60)
        if name == "flood":
            flood = part
            await world.set_state(flood, state="Suspended")
    await _fill(world, "flood", count=FLOOD)
    return [_subject(name) for name in healthy], flood


async def _fill(world: World, name: str, *, count: int) -> None:
    """Publish events that wait."""
    for start in range(0, count, 500):
        bodies = [event(f"{name}-{number}", sent=0.0) for number in range(start, min(start + 500, count))]
        await asyncio.gather(*[await world.js.publish_async(_subject(name), body) for body in bodies])


async def _latencies(world: World, receivers: Receivers, *, subjects: Sequence[str]) -> list[float]:
    """Publish to the healthy ones at their pace, wait until all came, and give the seconds that each took."""
    before = len(await receivers.well.latencies("well"))
    published = await publish_evenly(world.js, subjects, per_second=PER_SECOND, seconds=SECONDS)

    async def arrived() -> list[float] | None:
        found = (await receivers.well.latencies("well"))[before:]
        return found if len(found) >= published.count else None

    return await eventually(arrived, seconds=20, every_seconds=0.2)


async def test_a_hung_a_slow_and_a_flooding_endpoint_leave_97_others_alone(
    world: World, dispatchers: Callable[[str], Process], tmp_path: Path
) -> None:
    async with _listening(tmp_path / "receivers.log") as receivers:
        subjects, flood = await _lay(world, receivers)
        dispatchers("one")
        await _latencies(world, receivers, subjects=subjects)  # connections and first looks
        alone = await _latencies(world, receivers, subjects=subjects)
        for name, count in (("hung", WAITING), ("slow", WAITING)):
            await _fill(world, name, count=count)
        await world.set_state(flood, state="Active")
        beside = await _latencies(world, receivers, subjects=subjects)
        # All came while the hung one had answered nothing: its places are taken, and its other events wait.
        assert (await receivers.hung.counts())["count"] == WIDTH
        assert sum(await world.waiting("hung")) == WAITING
        found = {p: (percentile(alone, p), percentile(beside, p)) for p in (50, 90)}
        for without, with_three in found.values():
            assert with_three <= MOST_RATIO * max(without, QUICKEST_SECONDS), found
        # And the three have their share too, as far as they take it.
        assert (await receivers.slow.counts())["count"] > WIDTH
        await eventually(lambda: world.done("flood"), seconds=20)
        assert len(await receivers.well.latencies("flood")) == FLOOD


@pytest.mark.parametrize(("flooding", "other"), [("a", "b"), ("b", "a")])
@pytest.mark.usefixtures("local")
async def test_a_subscription_that_floods_its_endpoint_lets_the_other_one_have_its_turn(
    world: World, receivers: Callable[..., Receiver], flooding: str, other: str
) -> None:
    receiver = receivers(slow(0.01))
    for name in ("a", "b"):
        await world.subscribe(name, url=receiver.url, types=(f"com.example.{name}",), max_in_flight=5)
    await world.publish(3_000, event_type=f"com.example.{flooding}")
    await receiver.wait_for_requests(100)
    few = set(await world.publish(100, event_type=f"com.example.{other}"))
    await eventually(lambda: world.done(other))
    arrived = ids_of(request.body for request in receiver.requests)
    assert len(arrived) < 2_000, "the flood goes on"
    places = [place for place, one in enumerate(arrived) if one in few]
    between = places[-1] - places[0] + 1 - len(few)
    # One of the other, one of the flood; more of it only while the other has nothing in hand.
    assert 0.7 * len(few) <= between <= 1.5 * len(few)
