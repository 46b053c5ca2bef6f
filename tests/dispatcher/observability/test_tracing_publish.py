"""`jethook publish --traceparent` names the trace that the endpoint is told of."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from tests.dispatcher.lanes.world import NAMESPACE, World
from tests.dispatcher.observability.tracing import context
from tests.fixtures.nats import NatsServer
from tests.fixtures.receivers import Receiver


async def _publish(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jethook_cli", "publish", "com.example.made", "-n", NAMESPACE, "--nats", url]
    return await asyncio.to_thread(
        subprocess.run, [*command, *options], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.component
@pytest.mark.usefixtures("local")
async def test_a_published_trace_reaches_the_endpoint(
    world: World, receiver: Receiver, nats_server: NatsServer
) -> None:
    await world.subscribe("traced", url=receiver.url)
    done = await _publish(nats_server.url, "--traceparent", context(7).traceparent)
    assert done.returncode == 0, done.stderr
    (received,) = await receiver.wait_for_requests(1)
    assert received.headers["traceparent"] == context(7).traceparent
    assert json.loads(received.body)["traceparent"] == context(7).traceparent


async def test_a_mistyped_trace_is_refused_before_anything_is_sent() -> None:
    done = await _publish("nats://127.0.0.1:1", "--traceparent", "00-7-7-01")
    assert done.returncode == 1
    assert "BadTraceparent" in done.stderr
    assert done.stderr.count("\n") == 1, "one line, no traceback"
