"""What goes first when the budget is short, and what a shard that is given up still gets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jethook_contract.plan import PlanPart
from jethook_contract.status import DeliveryStatus, StatusRecord
from jethook_dispatcher.core.gate_values import GateReport
from jethook_dispatcher.core.standing import Standing
from jethook_dispatcher.core.write_order import Urgency
from jethook_dispatcher.shell.kube_status import KubeStatusWriter
from jethook_dispatcher.shell.lane_reports import GateNote
from jethook_dispatcher.shell.status import StatusReporter
from tests.dispatcher.status.conftest import BUSY, OK, ManualClock, attempt, plan_part
from tests.dispatcher.status.memory import MemoryApi, MemoryStore
from tests.fixtures.poll import eventually

BURST = 25
TICKS_SECONDS = 0.6


class World:
    """A member whose clock stands still: what it writes is what the burst allows."""

    def __init__(self) -> None:
        self.clock, self.store, self.api = ManualClock(), MemoryStore(), MemoryApi()
        self.writer = KubeStatusWriter(self.api, clock=self.clock, holds=lambda _: True, share=lambda: 1.0)
        self.reporter = StatusReporter(self.store, clock=self.clock, holds=lambda _: True, share=lambda: 1.0)

    async def began(self, count: int) -> list[PlanPart]:
        """Own so many endpoints, each with a Subscription, that all deliver and are reported."""
        parts = [plan_part(endpoint=f"e{number}", subscription=f"s{number}") for number in range(count)]
        for part in parts:
            self.reporter.part_changed(part)
        await self.reporter.flush()
        for part in parts:
            self.reporter.attempted(attempt(part, OK, clock=self.clock))
        await self.reporter.flush()
        self.store.saves.clear()
        self.clock.seconds = 100
        return parts

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work) for work in (self.reporter.run(), self.writer.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def record(name: str, *, kind: str = "WebhookEndpoint", delivered: int = 0) -> StatusRecord:
    return StatusRecord.model_validate(
        {"kind": kind, "namespace": "shop", "name": name, "uid": f"{kind}/{name}"}
        | {"delivery": DeliveryStatus(delivered=delivered)}
    )


def _open(pause_seconds: int) -> Standing:
    return Standing(
        report=GateReport(
            limited_by="CircuitBreaker",
            circuit="Open",
            open_targets=1,
            targets=1,
            next_probe_in_seconds=None,
            pause_seconds=pause_seconds,
            allowed_requests_per_second=None,
            disabled=None,
        )
    )


async def test_endpoints_that_turn_overtake_their_subscriptions_and_all_counters() -> None:
    world = World()
    parts = await world.began(40)
    for part in parts[15:]:
        world.reporter.attempted(attempt(part, OK, clock=world.clock))
    for part in parts[:15]:
        for _ in range(10):
            world.reporter.attempted(attempt(part, BUSY, clock=world.clock))
    async with world.running():
        await eventually(lambda: len(world.store.saves) == BURST)
        await asyncio.sleep(TICKS_SECONDS)
    kinds = [key.kind for key in world.store.saves]
    assert kinds == ["WebhookEndpoint"] * 15 + ["Subscription"] * 10
    turned = {f"{letter}{number}" for letter in "es" for number in range(15)}
    assert {key.name for key in world.store.saves} <= turned


async def test_a_circuit_whose_pause_grows_does_not_overtake_one_that_opens() -> None:
    world = World()
    parts = await world.began(30)
    opened, other = parts[:29], parts[29]
    for part in opened:
        world.reporter.gate(GateNote(namespace="shop", endpoint=part.endpoint.name, standing=_open(30)))
    await world.reporter.flush()
    world.store.saves.clear()
    world.clock.seconds = 200
    for part in opened:
        for _ in range(2):
            world.reporter.attempted(attempt(part, BUSY, clock=world.clock))
        world.reporter.gate(GateNote(namespace="shop", endpoint=part.endpoint.name, standing=_open(60)))
    world.reporter.gate(GateNote(namespace="shop", endpoint=other.endpoint.name, standing=_open(30)))
    async with world.running():
        await eventually(lambda: len(world.store.saves) == BURST)
    assert [key.name for key in world.store.saves[:2]] == ["e29", "s29"]


async def test_resources_are_shown_by_urgency_and_the_newest_record_takes_the_place_of_the_former() -> None:
    world = World()
    for number in range(30):
        world.writer.offer(record(f"counted{number}"), shard=1)
    world.writer.offer(record("s", kind="Subscription"), shard=1, urgency=Urgency.SUBSCRIPTION_TURNED)
    world.writer.offer(record("e"), shard=1, urgency=Urgency.ENDPOINT_TURNED)
    world.writer.offer(record("counted29"), shard=1, urgency=Urgency.ENDPOINT_TURNED)
    world.writer.offer(record("counted29", delivered=1), shard=1)
    async with world.running():
        await eventually(lambda: len(world.api.applied) == BURST)
        await asyncio.sleep(TICKS_SECONDS)
    names = [key.name for _, key, _ in world.api.applied]
    assert names == ["e", "counted29", "s", *(f"counted{number}" for number in range(BURST - 3))]


@pytest.mark.parametrize("count", [3, 40])
async def test_a_shard_that_is_given_up_is_shown_as_far_as_the_budget_goes(count: int) -> None:
    world = World()
    world.writer.offer(record("other"), shard=2, urgency=Urgency.ENDPOINT_TURNED)
    for number in range(count):
        world.writer.offer(record(f"counted{number}"), shard=1)
    world.writer.offer(record("turned"), shard=1, urgency=Urgency.ENDPOINT_TURNED)
    await world.writer.flush(shard=1)
    names = {key.name for _, key, _ in world.api.applied}
    assert len(names) == min(count + 1, BURST)
    assert "turned" in names
    assert "other" not in names


async def test_slow_answer_for_one_resource_holds_up_itself_only() -> None:
    world = World()
    world.writer.offer(record("slow"), shard=1, urgency=Urgency.ENDPOINT_TURNED)
    async with world.running():
        await eventually(lambda: not world.writer._queue)
        for number in range(20):
            world.writer.offer(record(f"counted{number}"), shard=1)
        world.writer.offer(record("slow", delivered=1), shard=1)
        await eventually(lambda: len(world.api.applied) == 20)
        world.api.patience.set()
        await eventually(lambda: len(world.api.applied) == 22)
    assert [key.name for _, key, _ in world.api.applied[20:]] == ["slow", "slow"]


async def test_slow_write_of_one_record_holds_up_itself_only() -> None:
    world = World()
    parts = [*await world.began(5), plan_part(endpoint="slow", subscription="slow")]
    world.reporter.part_changed(parts[-1])
    world.store.patience.clear()
    async with world.running():
        await eventually(lambda: len(world.reporter._outbox._in_flight) == 2)
        for part in parts[:-1]:
            world.reporter.attempted(attempt(part, OK, clock=world.clock))
        await eventually(lambda: len(world.store.saves) == 10)
        world.store.patience.set()
        await eventually(lambda: len(world.store.saves) == 12)
