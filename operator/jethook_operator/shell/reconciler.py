"""Reconcile one object: gather what is, let core decide, apply it to NATS, and hand its status on.

SIGNATURES ARE FIXED (H7 wires them); bodies follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from nats.aio.client import Client

from jethook_contract.sealing import KeyRing
from jethook_operator.core.resources import Key, ResourceReader
from jethook_operator.core.status import StatusPatch
from jethook_operator.shell.streams import StreamSettings


class StatusSink(Protocol):
    """Write statuses to where users read them."""

    async def apply(self, patch: StatusPatch) -> bool:
        """Write a status unless it is equal to the last; True when it wrote. A missing object is no error (False)."""


class EventRecorder(Protocol):
    """Record an event on an object, as `kubectl describe` shows them; never raises, never waits for long."""

    def record(self, key: Key, *, uid: str, severity: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Record one event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a reconciler works with. `key_ring` gives a pool's keys; `enqueue` asks for a reconcile soon (sync)."""

    reader: ResourceReader
    status: StatusSink
    events: EventRecorder
    key_ring: Callable[[str], KeyRing]
    enqueue: Callable[[Key], None]


class Reconciler:
    """Bring NATS and status in line with the resources, one object at a time; calls for different keys may overlap."""

    def __init__(self, client: Client, *, settings: StreamSettings, surroundings: Surroundings) -> None:
        raise NotImplementedError

    async def reconcile(self, key: Key) -> float | None:
        """Reconcile; give the seconds until it wants to be called again, None when nothing is due.

        Invalid and Waiting end here (status, event); Unavailable and Bug are raised after the status: back off, call again.
        Works on Subscription, WebhookEndpoint and DispatcherPool keys, present or gone; a Secret key does nothing
        (enqueue what `core.affected.affected` lists for it). Before `reader.synced` it does not treat absent as gone.
        """

    async def sweep_orphans(self) -> None:
        """Look for what is left of gone objects, and for what is missing; call at start and each `sweep_seconds`."""

    def reconnected(self) -> None:
        """Forget what was known of NATS and enqueue everything; call it in the connection's `reconnected` hook."""
