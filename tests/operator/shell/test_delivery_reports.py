"""Turns of deliveries where files are the source: told from the reports in NATS, as lines of the log."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.api import KeyValueConfig
from nats.js.kv import KeyValue

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.status import DeliveringCondition, DeliveryState, DeliveryStatus, StatusRecord, status_key
from jethook_operator.shell.delivery_reports import BUCKET, DeliveryReports
from jethook_operator.shell.delivery_watch import DeliveryWatch
from tests.fakes.surroundings import RecordingEvents, endpoint_key
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.component
KEY = status_key("WebhookEndpoint", "shop", "orders")


class World:
    """The bucket, and a follower of it."""

    def __init__(self, client: Client) -> None:
        self.js = client.jetstream()
        self.events = RecordingEvents()
        self.watch = DeliveryWatch(self.events)
        self.reports = DeliveryReports(self.js, deliveries=self.watch)

    async def lay(self) -> KeyValue:
        return await self.js.create_key_value(KeyValueConfig(bucket=BUCKET))

    async def report(self, state: DeliveryState, *, message: str = "") -> None:
        condition = DeliveringCondition(
            status="False", reason=state, message=message, last_transition_time=datetime.now(UTC)
        )
        delivery = DeliveryStatus(state=state)
        record = StatusRecord(
            kind="WebhookEndpoint", namespace="shop", name="orders", delivery=delivery, condition=condition
        )
        await (await self.js.key_value(BUCKET)).put(KEY, record.encode())

    async def told(self, *reasons: str) -> None:
        await eventually(lambda: self.events.reasons(endpoint_key()) == list(reasons))

    async def remembered(self, count: int) -> None:
        async def probe() -> bool:
            return len(self.watch) == count

        await eventually(probe)


@asynccontextmanager
async def laid(server: NatsServer) -> AsyncIterator[World]:
    client = await connect(ConnectionSettings(servers=(server.url,)), hooks=ConnectionHooks())
    try:
        yield World(client)
    finally:
        await client.close()


@asynccontextmanager
async def following(server: NatsServer) -> AsyncIterator[World]:
    async with laid(server) as made:
        task = asyncio.create_task(made.reports.run())
        try:
            yield made
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def world(nats_server: NatsServer) -> AsyncIterator[World]:
    async with following(nats_server) as made:
        yield made


async def test_a_turn_is_told_with_the_receivers_reason(world: World) -> None:
    await world.lay()
    await world.report("Healthy")
    await world.remembered(1)
    await world.report("Disabled", message="the receiver answered 410")
    await world.told("Disabled")
    assert world.events.recorded[0][1:] == ("Warning", "Disabled", "the receiver answered 410")


async def test_what_was_there_before_is_not_told(nats_server: NatsServer) -> None:
    async with laid(nats_server) as before:
        await before.lay()
        await before.report("Disabled")
    async with following(nats_server) as world:
        await world.remembered(1)
        await world.report("Healthy")
        await world.told("Resumed")


async def test_the_first_report_of_an_object_that_came_later_is_told(world: World) -> None:
    await world.lay()
    await world.report("Disabled")
    await world.told("Disabled")


async def test_a_turn_while_nats_was_away_is_told_once(world: World, nats_server: NatsServer) -> None:
    bucket = await world.lay()
    await world.report("Healthy")
    await world.remembered(1)
    nats_server.kill()
    await asyncio.to_thread(nats_server.start)

    async def written() -> bool:
        with contextlib.suppress(Exception):  # the connection may not be back yet
            await world.report("CircuitOpen")
            return True
        return False

    await eventually(written)
    world.reports.reconnected()
    await world.told("CircuitOpened")
    await bucket.delete(KEY)
    await world.remembered(0)


@pytest.mark.parametrize("key", ["gate.shop.orders", "endpoint.shop", "endpoint.shop.orders"])
async def test_what_cannot_be_read_is_passed_over(world: World, key: str) -> None:
    bucket: Any = await world.lay()
    await bucket.put(key, b'{"version": 99}')
    await world.report("Healthy")
    await world.remembered(1)
    await world.report("Throttled")
    await world.told("Throttled")
