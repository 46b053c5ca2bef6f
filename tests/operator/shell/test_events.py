"""Events: one for what repeats, never waiting, never too many."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jethook_contract.errors import Unavailable
from jethook_operator.core.resources import Key
from jethook_operator.shell.events import KubeEvents
from jethook_operator.shell.kube_budget import TokenBucket

KEY = Key("WebhookEndpoint", "ns", "orders")
pytestmark = pytest.mark.looptime


class ApplyRecorder:
    """Keep the last document of each path, as the API server would; refuse while `refusals` last."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.stored: dict[str, Mapping[str, Any]] = {}
        self.requests = 0
        self.managers: set[str] = set()
        self.refusals = refusals

    async def apply(self, path: str, body: Mapping[str, Any], *, manager: str) -> dict[str, Any]:
        self.requests += 1
        self.managers.add(manager)
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("Forbidden", "no")
        self.stored[path] = body
        return {}


class Bench:
    """A recorder whose clock is moved by hand."""

    def __init__(self, api: ApplyRecorder) -> None:
        self.now = datetime(2026, 11, 24, 12, tzinfo=UTC)
        self.api = api
        bucket = TokenBucket(rate_per_second=100, burst=10)
        self.events = KubeEvents(api, bucket=bucket, clock=lambda: self.now)

    def record(self, message: str = "Secret keys is missing") -> None:
        self.events.record(KEY, uid="u", severity="Warning", reason="SecretMissing", message=message)

    async def post(self) -> list[Mapping[str, Any]]:
        task = asyncio.create_task(self.events.run())
        await asyncio.sleep(5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return list(self.api.stored.values())


async def test_repeats_within_the_window_raise_the_count_of_one_event() -> None:
    bench = Bench(ApplyRecorder())
    bench.record()
    await bench.post()
    for _ in range(4):
        bench.now += timedelta(minutes=2)
        bench.record()
    (event,) = await bench.post()
    assert event["count"] == 5
    assert event["firstTimestamp"] == "2026-11-24T12:00:00Z"
    assert event["lastTimestamp"] == "2026-11-24T12:08:00Z"
    assert bench.api.requests == 2
    assert bench.api.managers == {"jethook-operator"}


async def test_after_the_window_a_new_event_is_made() -> None:
    bench = Bench(ApplyRecorder())
    bench.record()
    await bench.post()
    bench.now += timedelta(minutes=11)
    bench.record()
    assert [event["count"] for event in await bench.post()] == [1, 1]


async def test_another_message_is_another_event() -> None:
    bench = Bench(ApplyRecorder())
    bench.record("one")
    bench.record("two")
    assert sorted(str(event["message"]) for event in await bench.post()) == ["one", "two"]


async def test_one_that_cannot_be_posted_does_not_stop_the_others() -> None:
    bench = Bench(ApplyRecorder(refusals=1))
    bench.record("refused")
    bench.record("posted")
    assert [event["message"] for event in await bench.post()] == ["posted"]


async def test_a_flood_is_bounded_and_counted() -> None:
    bench = Bench(ApplyRecorder())
    for number in range(6_000):
        bench.record(f"message {number}")
    assert bench.events.dropped == 1_000


async def test_the_room_of_old_series_is_used_again() -> None:
    bench = Bench(ApplyRecorder())
    for number in range(5_000):
        bench.record(f"message {number}")
    task = asyncio.create_task(bench.events.run())
    await asyncio.sleep(60)
    bench.now += timedelta(minutes=11)
    bench.record("a new one")
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert bench.events.dropped == 0
    assert len(bench.api.stored) == 5_001
