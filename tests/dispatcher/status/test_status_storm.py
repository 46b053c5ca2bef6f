"""Reporter and writer of resources in virtual time: everything turns at once, and nothing happens at all."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from bench.measures import excess
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.gate_values import GateReport
from jethook_dispatcher.core.standing import Standing
from jethook_dispatcher.shell.kube_status import KubeStatusWriter
from jethook_dispatcher.shell.lane_reports import BacklogReport, GateNote
from jethook_dispatcher.shell.status import StatusReporter
from tests.dispatcher.status.conftest import OK, START, ManualClock, attempt, plan_part
from tests.dispatcher.status.memory import MemoryApi, MemoryStore

pytestmark = pytest.mark.looptime(start=0)

ANSWER_SECONDS = 0.15
LOOK_SECONDS = 5


class LoopClock(ManualClock):
    """The loop's own time; `looks` counts how often a report was made."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        self.looks += 1
        return START + timedelta(seconds=self.monotonic())


class World:
    """A member that owns `count` endpoints with a Subscription each."""

    def __init__(self, count: int) -> None:
        self.clock, self.store, self.api = LoopClock(), MemoryStore(), MemoryApi(answer_seconds=ANSWER_SECONDS)
        self.writer = KubeStatusWriter(self.api, clock=self.clock, holds=lambda _: True, share=lambda: 1.0)
        self.reporter = StatusReporter(
            self.store, clock=self.clock, holds=lambda _: True, share=lambda: 1.0, sink=self.writer
        )
        self.parts = [_part(f"e{number}") for number in range(count)]

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

    async def settle(self) -> None:
        while not self.reporter.at_rest:  # noqa: ASYNC110 -- time is virtual
            await asyncio.sleep(1)
        await asyncio.sleep(10)

    def turn(self) -> None:
        """Open every circuit."""
        standing = Standing(report=_open(), next_probe_at=START + timedelta(hours=1))
        for part in self.parts:
            self.reporter.gate(GateNote(namespace="shop", endpoint=part.endpoint.name, standing=standing))

    def look(self) -> None:
        """Report the same backlog of each Subscription as before."""
        for part in self.parts:
            self.reporter.backlog(BacklogReport(part=part, pending=3, unacknowledged=0))


def _part(name: str) -> PlanPart:
    uids = {"endpoint_uid": f"WebhookEndpoint/{name}", "subscription_uid": f"Subscription/{name}"}
    return plan_part(endpoint=name, subscription=name, **uids)


def _open() -> GateReport:
    return GateReport(
        limited_by="CircuitBreaker",
        circuit="Open",
        open_targets=1,
        targets=1,
        next_probe_in_seconds=None,
        pause_seconds=30,
        allowed_requests_per_second=None,
        disabled=None,
    )


async def test_2000_endpoints_whose_circuits_open_at_once_are_shown_within_100_seconds_and_counters_follow() -> None:
    world = World(2000)
    for part in world.parts:
        world.reporter.part_changed(part)
        world.reporter.attempted(attempt(part, OK, clock=world.clock))
    busy = world.parts[:100]
    async with world.running():
        await asyncio.sleep(0.3)
        world.turn()
        began = world.clock.monotonic()
        await asyncio.sleep(60)
        for part in busy:
            world.reporter.attempted(attempt(part, OK, clock=world.clock))
        await world.settle()
    shown = {
        kind: [at - began for at, found, state in world.api.applied if (found.kind, state) == (kind, "CircuitOpen")]
        for kind in ("WebhookEndpoint", "Subscription")
    }
    assert max(shown["WebhookEndpoint"][:2000]) < 88
    assert max(shown["Subscription"][:2000]) < 175
    assert len(shown["WebhookEndpoint"]) >= 2000 + len(busy) // 2, "counters came through in the end"
    # What the budget lets go takes up to the time of two answers, a trial and the write.
    burst = 25 + 25 * 2 * ANSWER_SECONDS
    assert excess([at for at, _, _ in world.api.applied], per_second=25, burst=math.ceil(burst)) < 1


async def test_at_rest_nothing_is_written_and_looks_grow_rare() -> None:
    world = World(100)
    for part in world.parts:
        world.reporter.part_changed(part)
        world.reporter.attempted(attempt(part, OK, clock=world.clock))
    async with world.running():
        for _ in range(60):
            world.look()
            await asyncio.sleep(LOOK_SECONDS)
        written, looks, saved = (
            len(world.api.applied),
            world.clock.looks,
            sum(r for _, r in world.store.records.values()),
        )
        for _ in range(120):
            world.look()
            await asyncio.sleep(LOOK_SECONDS)
    assert (len(world.api.applied), len(world.store.saves)) == (written, saved)
    objects, seconds = 2 * len(world.parts), 120 * LOOK_SECONDS
    assert objects * seconds / 150 < world.clock.looks - looks <= objects * seconds / 120


async def test_a_record_that_takes_long_to_read_holds_up_no_write() -> None:
    world = World(40)
    world.store.found.clear()
    world.reporter.part_changed(_part("far"))
    async with world.running():
        for part in world.parts:
            world.reporter.part_changed(part)
        await asyncio.sleep(10)
        assert len({key for key in world.store.saves if key.name != "far"}) == 2 * len(world.parts)
        assert not [key for key in world.store.saves if key.name == "far"]
        world.store.found.set()
        await world.settle()
    assert {key.kind for key in world.store.saves if key.name == "far"} == {"WebhookEndpoint", "Subscription"}
