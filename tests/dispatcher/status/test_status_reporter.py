"""Reports on their way into the bucket, with a real nats-server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.members import shard_of
from jethook_contract.names import status_bucket
from jethook_contract.status import StatusRecord, status_key
from jethook_dispatcher.core.tracked import ObjectKey, endpoint_key, subscription_key
from jethook_dispatcher.core.write_order import Urgency
from jethook_dispatcher.shell.lane_reports import BacklogReport
from jethook_dispatcher.shell.status import StatusReporter
from jethook_dispatcher.shell.status_bucket import StatusBucket
from tests.dispatcher.status.conftest import BUSY, OK, START, ManualClock, attempt, plan_part
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

PART = plan_part()
SHARD = shard_of("shop", "crm")


class Sink:
    """Remember what was offered."""

    def __init__(self) -> None:
        self.offered: list[StatusRecord] = []
        self.urgencies: list[Urgency] = []

    def offer(self, record: StatusRecord, *, shard: int, urgency: Urgency) -> None:
        assert shard == shard_of(record.namespace, "crm" if "crm" in record.name else "billing")
        self.offered.append(record)
        self.urgencies.append(urgency)


class World:
    """One member with its clock, its ownership and its sink, over a real bucket."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self.jetstream = jetstream
        self.bucket = StatusBucket(jetstream, pool="default")
        self.clock = ManualClock()
        self.owned = True
        self.sink = Sink()
        self.reporter = StatusReporter(
            self.bucket, clock=self.clock, holds=lambda _: self.owned, share=lambda: 1.0, sink=self.sink
        )

    async def stored(self, key: ObjectKey) -> StatusRecord | None:
        return (await self.bucket.load(key))[0]

    async def revision(self, key: ObjectKey) -> int:
        return (await self.bucket.load(key))[1]

    async def written(self, key: ObjectKey, check: Callable[[StatusRecord], bool]) -> StatusRecord:
        """Wait until the stored record passes the check, and give it."""

        async def probe() -> StatusRecord | None:
            record = await self.stored(key)
            return record if record is not None and check(record) else None

        found = await eventually(probe)
        assert found is not None
        return found

    def backlog(self, waiting: int) -> None:
        self.reporter.backlog(BacklogReport(part=PART, pending=waiting, unacknowledged=0))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.reporter.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def idle(self) -> None:
        """Wait until nothing is due any more: what was equal was skipped by then."""
        await eventually(lambda: self.reporter.at_rest)


Connected = AbstractAsyncContextManager[JetStreamContext]


@asynccontextmanager
async def connected(server: NatsServer) -> AsyncIterator[JetStreamContext]:
    client = await connect(ConnectionSettings(servers=(server.url,)), hooks=ConnectionHooks())
    try:
        yield client.jetstream()
    finally:
        await client.close()


@pytest.fixture
async def jetstream(nats_server: NatsServer) -> AsyncIterator[JetStreamContext]:
    async with connected(nats_server) as opened:
        await opened.create_key_value(KeyValueConfig(bucket=status_bucket("default")))
        yield opened


@pytest.fixture
def world(jetstream: JetStreamContext) -> World:
    return World(jetstream)


async def test_first_attempt_is_reported_at_once_for_endpoint_and_subscription(world: World) -> None:
    async with world.running():
        world.reporter.part_changed(PART)
        idle = await world.written(endpoint_key(PART), lambda record: record.delivery.state == "Idle")
        assert idle.condition is not None
        assert idle.condition.reason == "Idle"
        world.clock.seconds = 1.0
        world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        for key, uid in ((endpoint_key(PART), "e-1"), (subscription_key(PART), "s-1")):
            record = await world.written(key, lambda record: record.delivery.state == "Healthy")
            assert (record.uid, record.delivery.delivered) == (uid, 1)
    assert {status_key(*key) for key in (endpoint_key(PART), subscription_key(PART))} == {
        "endpoint.shop.crm",
        "subscription.shop.orders-to-crm",
    }
    assert {record.kind for record in world.sink.offered} == {"WebhookEndpoint", "Subscription"}


async def test_counters_wait_15_seconds_and_a_change_of_condition_one(world: World) -> None:
    key = endpoint_key(PART)
    async with world.running():
        world.reporter.part_changed(PART)
        world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        await world.written(key, lambda record: record.delivery.delivered == 1)
        world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        world.clock.seconds = 14.9
        await _ticks(3)
        assert (await world.written(key, lambda _: True)).delivery.delivered == 1
        world.clock.seconds = 15.0
        await world.written(key, lambda record: record.delivery.delivered == 2)
        for _ in range(10):
            world.reporter.attempted(attempt(PART, BUSY, clock=world.clock))
        world.clock.seconds = 15.9
        await _ticks(3)
        assert (await world.written(key, lambda _: True)).delivery.state == "Healthy"
        world.clock.seconds = 16.0
        failing = await world.written(key, lambda record: record.delivery.state == "Failing")
    assert failing.condition is not None
    assert failing.condition.message.startswith("503 from crm.example.com (10 ")


async def _ticks(count: int) -> None:
    """Let the reporter look `count` times; what must not happen has no other sign."""
    for _ in range(count):
        await asyncio.sleep(0.26)


async def test_equal_reports_are_not_written(world: World) -> None:
    key = endpoint_key(PART)
    async with world.running():
        world.reporter.part_changed(PART)
        world.backlog(3)
        await world.written(key, lambda record: record.delivery.backlog == 3)
        await world.idle()
        before = await world.revision(key)
        for seconds in (20, 40, 60):
            world.clock.seconds = seconds
            world.backlog(3)
            await world.idle()
        assert await world.revision(key) == before


async def test_new_owner_goes_on_from_the_stored_record_and_does_not_write_it_again(
    world: World, jetstream: JetStreamContext
) -> None:
    key = endpoint_key(PART)
    async with world.running():
        world.reporter.part_changed(PART)
        world.reporter.attempted(attempt(PART, BUSY, clock=world.clock, next_attempt_at=START + timedelta(hours=9)))
        world.reporter.attempted(attempt(PART, OK, clock=world.clock, number=2))
        world.backlog(7)
        await world.written(key, lambda record: record.delivery.backlog == 7)
        await world.idle()
    former = await world.written(key, lambda _: True)
    revision = await world.revision(key)
    heir = World(jetstream)
    async with heir.running():
        heir.reporter.part_changed(PART)
        await heir.idle()
        heir.clock.seconds = 15
        heir.reporter.attempted(attempt(PART, OK, clock=heir.clock))
        record = await heir.written(key, lambda record: record.delivery.delivered == 2)
    assert (record.delivery.retried, record.delivery.failed_attempts) == (1, 1)
    assert record.delivery.backlog == former.delivery.backlog == 7
    assert record.condition is not None
    assert record.condition == former.condition
    assert await heir.revision(key) > revision


@pytest.mark.parametrize(("seconds", "shown"), [(59, ["Subscription", "WebhookEndpoint"]), (61, [])])
async def test_take_over_writes_nothing_and_shows_once_more_what_was_counted_lately(
    world: World, jetstream: JetStreamContext, seconds: float, shown: list[str]
) -> None:
    async with world.running():
        world.reporter.part_changed(PART)
        world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        world.backlog(7)
        await world.written(subscription_key(PART), lambda record: record.delivery.backlog == 7)
        await world.idle()
    before = await world.revision(endpoint_key(PART))
    heir = World(jetstream)
    heir.clock.seconds = seconds
    async with heir.running():
        heir.reporter.part_changed(PART)
        await heir.idle()
    assert await heir.revision(endpoint_key(PART)) == before
    assert sorted(record.kind for record in heir.sink.offered) == shown


async def test_another_uid_starts_from_nothing(world: World, jetstream: JetStreamContext) -> None:
    key = endpoint_key(PART)
    async with world.running():
        world.reporter.part_changed(PART)
        world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        await world.written(key, lambda record: record.delivery.delivered == 1)
        world.clock.seconds = 1
        world.reporter.part_changed(plan_part(endpoint_uid="e-2"))
        fresh = await world.written(key, lambda record: record.uid == "e-2")
        assert (fresh.delivery.delivered, fresh.delivery.state) == (0, "Idle")
        world.clock.seconds = 2
        world.reporter.attempted(attempt(plan_part(endpoint_uid="e-2"), OK, clock=world.clock))
        await world.written(key, lambda record: record.delivery.delivered == 1)
    heir = World(jetstream)
    async with heir.running():
        heir.reporter.part_changed(plan_part(endpoint_uid="e-3"))
        assert (await heir.written(key, lambda record: record.uid == "e-3")).delivery.delivered == 0


async def test_who_does_not_hold_the_shard_writes_nothing(world: World) -> None:
    world.owned = False
    async with world.running():
        world.reporter.part_changed(PART)
        world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        await _ticks(3)
        await world.reporter.flush()
        assert await world.stored(endpoint_key(PART)) is None
        assert world.sink.offered == []
        world.owned = True
        world.clock.seconds = 5
        await world.written(endpoint_key(PART), lambda record: record.delivery.delivered == 1)


async def test_part_that_is_gone_is_written_no_more(world: World) -> None:
    async with world.running():
        world.reporter.part_changed(PART)
        await world.written(endpoint_key(PART), lambda _: True)
        before = await world.revision(endpoint_key(PART))
        world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        world.reporter.part_gone(PART)
        world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        world.clock.seconds = 60
        await world.reporter.flush()
        await _ticks(2)
        assert await world.revision(endpoint_key(PART)) == before


async def test_flush_writes_a_shard_before_it_is_given_up(world: World) -> None:
    other = plan_part(endpoint="billing", subscription="orders-to-billing")
    for part in (PART, other):
        world.reporter.part_changed(part)
    await world.reporter.flush()
    for part in (PART, other):
        world.reporter.attempted(attempt(part, OK, clock=world.clock))
    await world.reporter.flush(shard=SHARD)
    mine, theirs = await world.stored(endpoint_key(PART)), await world.stored(endpoint_key(other))
    assert mine is not None
    assert theirs is not None
    assert (mine.delivery.delivered, theirs.delivery.delivered) == (1, 0)


async def test_record_that_another_wrote_meanwhile_is_added_to(world: World) -> None:
    key = endpoint_key(PART)
    async with world.running():
        world.reporter.part_changed(PART)
        world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        record = await world.written(key, lambda record: record.delivery.delivered == 1)
        delivery = record.delivery.model_copy(update={"delivered": 41})
        stale = record.model_copy(update={"delivery": delivery})
        await world.bucket.save(stale, revision=await world.revision(key))
        world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        world.clock.seconds = 15
        await world.written(key, lambda record: record.delivery.delivered == 42)


async def test_two_subscriptions_add_up_in_their_endpoint(world: World) -> None:
    other = plan_part(subscription="stock-to-crm", subscription_uid="s-2")
    async with world.running():
        for part in (PART, other):
            world.reporter.part_changed(part)
            world.reporter.attempted(attempt(part, OK, clock=world.clock))
            world.reporter.backlog(BacklogReport(part=part, pending=5, unacknowledged=1))
        endpoint = await world.written(endpoint_key(PART), lambda record: record.delivery.backlog == 12)
        assert endpoint.delivery.delivered == 2
        for part in (PART, other):
            record = await world.written(subscription_key(part), lambda record: record.delivery.backlog == 6)
            assert record.delivery.delivered == 1


async def test_faults_dead_letters_and_refusals_show(world: World) -> None:
    key = subscription_key(PART)
    async with world.running():
        world.reporter.part_changed(PART)
        world.reporter.part_faulty(PART, reason="BadSigningKey", message="no base64")
        await world.written(key, lambda r: r.condition is not None and r.condition.reason == "BadSigningKey")
        world.clock.seconds = 2
        world.reporter.part_changed(PART)
        world.reporter.attempted(attempt(PART, BUSY, clock=world.clock))
        world.reporter.dead_letter_refused(PART, at=world.clock.now())
        await world.written(key, lambda r: r.condition is not None and r.condition.reason == "DeadLettersFull")
        world.clock.seconds = 30
        world.reporter.dead_lettered(PART, reason="AttemptsExhausted", message="503", at=world.clock.now())
        record = await world.written(key, lambda r: r.delivery.dead_lettered == 1)
    assert record.condition is not None
    assert record.condition.reason == "HTTPStatus"


async def test_nothing_is_lost_or_counted_twice_while_nats_is_away(world: World, nats_server: NatsServer) -> None:
    key = endpoint_key(PART)
    async with world.running():
        world.reporter.part_changed(PART)
        world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        await world.written(key, lambda record: record.delivery.delivered == 1)
        world.clock.seconds = 20
        nats_server.kill()
        for _ in range(9):
            world.reporter.attempted(attempt(PART, OK, clock=world.clock))
        await _ticks(2)
        nats_server.start()
        world.clock.seconds = 60

        async def moved() -> bool:
            world.clock.seconds += 3
            with contextlib.suppress(Exception):
                record = await world.stored(key)
                return record is not None and record.delivery.delivered == 10
            return False

        await eventually(moved, seconds=30, every_seconds=0.2)
    record = await world.written(key, lambda _: True)
    assert record.delivery.delivered == 10
