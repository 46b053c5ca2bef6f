"""The bytes that a process holds are shared: one endpoint cannot take them all."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from jethook_contract.subjects import events_subject
from jethook_dispatcher.shell.settings import DispatcherSettings
from tests.dispatcher.lanes.world import NAMESPACE, World
from tests.fixtures.behaviours import hanging
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

MEBIBYTE = 1024 * 1024
LARGE_TYPE = "com.large.made"
LARGE_BYTES = 700_000


@pytest.fixture
def settings(settings: DispatcherSettings) -> DispatcherSettings:
    """Hold 8 MiB at most: a dozen large events."""
    return replace(settings, prefetch_bytes=8 * MEBIBYTE)


async def publish_large(world: World, count: int) -> None:
    for number in range(count):
        body = {"specversion": "1.0", "id": f"large-{number}", "source": "/tests", "type": LARGE_TYPE}
        data = json.dumps({**body, "data": "x" * LARGE_BYTES}).encode()
        await world.js.publish(events_subject(NAMESPACE, LARGE_TYPE), data)


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("endpoints", [1, 4], ids=["one", "enough-for-all-bytes"])
async def test_hung_endpoints_with_large_events_leave_room_for_the_others(
    world: World, receivers: Callable[..., Receiver], receiver: Receiver, endpoints: int
) -> None:
    hung = receivers(hanging())
    for number in range(endpoints):
        name = f"hung-{number}"
        await world.subscribe(name, url=hung.url, endpoint=name, max_in_flight=100, types=("com.large.**",))
    await world.subscribe("good", url=receiver.url, endpoint="good", max_in_flight=2)
    await publish_large(world, 40)
    await hung.wait_for_open_requests(3 * endpoints)
    until = time.monotonic() + 4  # long enough for a greedy lane to take everything, well below the attempt's timeout
    sent = 0
    while time.monotonic() < until:
        await world.publish(1)
        sent += 1
        await receiver.wait_for_requests(sent, seconds=2)
        await asyncio.sleep(0.05)  # the pace of a producer
    assert hung.most_open_requests * LARGE_BYTES <= endpoints * 4 * MEBIBYTE, hung.most_open_requests
