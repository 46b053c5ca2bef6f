"""What a reconciler works with: the Protocols that providers fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from jethook_contract.sealing import KeyRing
from jethook_operator.core.resources import Key, ResourceReader
from jethook_operator.core.status import StatusPatch
from jethook_operator.shell.clock import utc_now


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
    """What a reconciler works with. `key_ring` gives a pool's keys; `enqueue` asks for a reconcile soon."""

    reader: ResourceReader
    status: StatusSink
    events: EventRecorder
    key_ring: Callable[[str], KeyRing]
    enqueue: Callable[[Key], None]
    now: Callable[[], datetime] = utc_now
