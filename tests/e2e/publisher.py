"""Publish events at a steady rate from inside the cluster; runs in a pod, from the image's own Python.

Usage: publisher.py NATS_URL NAMESPACE EVENT_TYPE COUNT PER_SECOND DATA_BYTES

Prints the id of each event that NATS has acknowledged. One that it has not is published again under the same id, so
that it is stored once: what is printed is exactly what was accepted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from jethook_cli.publish import publish_event
from jethook_contract.cloudevents import parse_structured
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, disconnect
from jethook_contract.errors import Unavailable

TRIES = 60
IN_FLIGHT = 64


async def main(url: str, *, namespace: str, event_type: str, count: int, per_second: float, data_bytes: int) -> None:
    """Publish `count` events, each at its time, with a bounded number in flight."""
    client = await connect(ConnectionSettings(servers=(url,)), hooks=ConnectionHooks())
    slots, started = asyncio.Semaphore(IN_FLIGHT), time.monotonic()

    async def one(number: int) -> None:
        async with slots:
            envelope = {
                "specversion": "1.0",
                "id": f"{event_type}-{number:06d}",
                "source": "/e2e",
                "type": event_type,
                "data": {"number": number, "filler": "x" * data_bytes},
            }
            event = parse_structured(json.dumps(envelope).encode())
            for _ in range(TRIES):
                try:
                    await publish_event(client, namespace=namespace, event=event)
                except Unavailable:
                    await asyncio.sleep(0.5)
                else:
                    print(event.id, flush=True)  # noqa: T201 -- the log of the pod is its result
                    return
            raise SystemExit(f"event {event.id} was never acknowledged")

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, started + number / per_second - time.monotonic()))
            group.create_task(one(number))
    await disconnect(client)


if __name__ == "__main__":
    _, given_url, given_namespace, given_type, given_count, given_rate, given_bytes = sys.argv
    asyncio.run(
        main(
            given_url,
            namespace=given_namespace,
            event_type=given_type,
            count=int(given_count),
            per_second=float(given_rate),
            data_bytes=int(given_bytes),
        )
    )
