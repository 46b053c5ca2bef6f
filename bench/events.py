"""Events of a benchmark, and a publisher that keeps its pace whatever comes of them (open loop)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.api import PubAck

from bench.measures import percentile

EVENT_BYTES = 1024
EVENT_TYPE = "com.example.made"


@dataclass(frozen=True, slots=True)
class Published:
    """What an open loop did: `late_p99` is by how many seconds it fell behind its own pace."""

    count: int
    late_p99: float


def event(event_id: str, *, sent: float) -> bytes:
    """Write an event of about 1 KiB whose data says when it was sent."""
    head = f'{{"specversion":"1.0","id":"{event_id}","source":"/bench","type":"{EVENT_TYPE}","data":{{"sent":{sent:.6f}'
    return f'{head},"fill":"{"x" * (EVENT_BYTES - len(head) - 12)}"}}}}'.encode()


async def publish_evenly(
    jetstream: JetStreamContext, subjects: Sequence[str], *, per_second: float, seconds: float
) -> Published:
    """Publish to the subjects in turn, each event at its own time, and wait until the streams have them all."""
    futures: list[asyncio.Future[PubAck]] = []
    late: list[float] = []
    start = time.monotonic()
    count = int(per_second * seconds)
    for number in range(count):
        due = start + number / per_second
        if (early := due - time.monotonic()) > 0:
            await asyncio.sleep(early)
        late.append(time.monotonic() - due)
        body = event(f"{start:.3f}-{number}", sent=time.monotonic())
        futures.append(await jetstream.publish_async(subjects[number % len(subjects)], body))
    await asyncio.gather(*futures)
    return Published(count=count, late_p99=percentile(late, 99))
