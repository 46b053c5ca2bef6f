"""What a process holds is bounded in bytes: beyond twice the limit a message goes straight back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from jethook_contract.connection import ConnectionSettings
from jethook_contract.subjects import events_subject
from jethook_dispatcher.shell.main import run
from jethook_dispatcher.shell.settings import DispatcherSettings
from tests.dispatcher.lanes.conftest import QUICK
from tests.dispatcher.lanes.world import NAMESPACE, World, ids_of
from tests.fixtures.behaviours import answers, slow
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

LIMIT_BYTES = 128 * 1024
EVENT_BYTES = 60 * 1024
EVENTS = 30
MOST_HELD = 2 * LIMIT_BYTES // EVENT_BYTES + 1


@pytest.fixture
async def small(world: World, nats_server: NatsServer) -> AsyncIterator[None]:
    """Run a dispatcher with little room."""
    stop = asyncio.Event()
    settings = DispatcherSettings(
        nats=ConnectionSettings(servers=(nats_server.url,)), plan_keys_file=world.keys_file, timings=QUICK
    )
    running = asyncio.create_task(run(replace(settings, prefetch_bytes=LIMIT_BYTES), stop=stop))
    yield
    stop.set()
    with contextlib.suppress(asyncio.CancelledError):
        await running


@pytest.mark.usefixtures("small")
async def test_no_more_than_twice_the_limit_is_held_and_nothing_is_lost(
    world: World, receivers: Callable[..., Receiver]
) -> None:
    receiver = receivers(slow(3.0))
    await world.subscribe("large", url=receiver.url, max_in_flight=EVENTS)
    for number in range(EVENTS):
        await world.js.publish(events_subject(NAMESPACE, "com.example.large"), _event(number))
    await receiver.wait_for_open_requests(2)
    await receiver.wait_for_requests(MOST_HELD + 1, seconds=20)
    assert receiver.most_open_requests <= MOST_HELD
    receiver.behaviour = answers()
    expected = {str(number) for number in range(EVENTS)}
    await eventually(lambda: set(ids_of(r.body for r in receiver.requests)) == expected, seconds=30)


def _event(number: int) -> bytes:
    envelope = {"specversion": "1.0", "id": str(number), "source": "/tests", "type": "com.example.large"}
    return json.dumps({**envelope, "data": "x" * EVENT_BYTES}).encode()
