"""Publish events at a pace, and count those alone that NATS acknowledged."""

from __future__ import annotations

import asyncio
import time
from random import Random

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from hack.chaos_kinds import SHARES
from hack.chaos_verdict import Event
from jethook_contract.subjects import events_subject

KEYS = 60
ACK_SECONDS = 5.0
_MAX_UNANSWERED = 200
_AWAY_SECONDS = 0.05


class Publisher:
    """Publish until `wanted` events are acknowledged; `unconfirmed` are those of which nobody knows."""

    def __init__(self, client: Client, *, random: Random, wanted: int, per_second: float) -> None:
        self.accepted: list[Event] = []
        self.unconfirmed: set[str] = set()
        self._client = client
        self._jetstream: JetStreamContext = client.jetstream()
        self._random = random
        self._wanted = wanted
        self._pause_seconds = 1 / per_second
        self._places = asyncio.Semaphore(_MAX_UNANSWERED)
        self._number = 0

    @property
    def share(self) -> float:
        """Tell how much of the work is done, 0 to 1."""
        return len(self.accepted) / self._wanted

    async def reached(self, share: float) -> None:
        """Wait until so much of the work is done."""
        while self.share < share:  # noqa: ASYNC110 -- it grows with every answer of NATS
            await asyncio.sleep(_AWAY_SECONDS)

    async def run(self) -> None:
        """Publish all; each in its own task, begun in order, so that the stream has them in that order."""
        async with asyncio.TaskGroup() as tasks:
            due = time.monotonic()
            while len(self.accepted) < self._wanted:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due = max(due + self._pause_seconds, time.monotonic() - 1.0)  # no more than a second is made good
                if not self._client.is_connected or self._unanswered() >= self._wanted - len(self.accepted):
                    await asyncio.sleep(_AWAY_SECONDS)
                    continue
                await self._places.acquire()
                tasks.create_task(self._publish(self._next()))

    def _unanswered(self) -> int:
        return self._number - len(self.accepted) - len(self.unconfirmed)

    def _next(self) -> Event:
        self._number += 1
        (event_type,) = self._random.choices(list(SHARES), weights=list(SHARES.values()))
        return Event(f"e{self._number}", event_type, f"k{self._random.randrange(KEYS)}", 0)

    async def _publish(self, event: Event) -> None:
        body = (
            f'{{"specversion":"1.0","id":"{event.id}","source":"/chaos","type":"{event.event_type}",'
            f'"subject":"{event.key}","data":{{"n":1}}}}'
        )
        try:
            ack = await self._jetstream.publish(
                events_subject("default", event.event_type), body.encode(), timeout=ACK_SECONDS
            )
        except (NatsError, JetStreamError, TimeoutError, OSError):
            self.unconfirmed.add(event.id)
        else:
            self.accepted.append(Event(event.id, event.event_type, event.key, ack.seq))
        finally:
            self._places.release()
