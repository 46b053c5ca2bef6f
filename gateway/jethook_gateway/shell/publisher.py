"""Store the events of a request, and say of each what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from jethook_contract.errors import Invalid, JethookError
from jethook_contract.event import CloudEvent
from jethook_contract.publishing import Stored, publish_event
from jethook_gateway.core.problems import problem_of

_IN_FLIGHT = 64  # of one request

Result = Stored | JethookError


class Publisher(Protocol):
    """Store one event; raises Invalid or Unavailable."""

    async def __call__(self, namespace: str, event: CloudEvent) -> Stored:
        """Give what JetStream answered."""


def publisher(client: Any, *, seconds: float) -> Publisher:
    """Publish over a NATS connection; what is not connected is told at once, and not waited for."""

    async def publish(namespace: str, event: CloudEvent) -> Stored:
        return await publish_event(client, namespace=namespace, event=event, timeout_seconds=seconds)

    return publish


async def store_all(events: Sequence[CloudEvent | Invalid], *, namespace: str, publish: Publisher) -> list[Result]:
    """Store events, a bounded number at a time; an error stands at the place of its event."""
    if len(events) == 1:  # nearly always: no task for it
        return [await _store(events[0], namespace=namespace, publish=publish)]
    places = asyncio.Semaphore(_IN_FLIGHT)

    async def one(event: CloudEvent | Invalid) -> Result:
        async with places:
            return await _store(event, namespace=namespace, publish=publish)

    return await asyncio.gather(*(one(event) for event in events))


async def _store(event: CloudEvent | Invalid, *, namespace: str, publish: Publisher) -> Result:
    if isinstance(event, Invalid):
        return event
    try:
        return await publish(namespace, event)
    except JethookError as exc:
        return exc


def row_of(event: CloudEvent | Invalid, result: Result) -> dict[str, Any]:
    """Write what became of one event of a batch: `status` is the one that it would have had alone."""
    named = {} if isinstance(event, Invalid) else {"id": event.id, "source": event.source}
    if isinstance(result, JethookError):
        problem = problem_of(result)
        return {**named, "status": problem.status, "reason": problem.reason, "detail": problem.detail}
    return {**named, "status": 202, "sequence": result.sequence, "duplicate": result.duplicate}
