"""What a reconciler works with: the Protocols that providers fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from jethook_contract.sealing import KeyRing
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.core.pool import PoolReport
from jethook_operator.core.pool_replicas import Desired
from jethook_operator.core.resources import Key, ResourceReader
from jethook_operator.core.status import StatusPatch
from jethook_operator.shell.clock import utc_now


class StatusSink(Protocol):
    """Write statuses to where users read them."""

    async def apply(self, patch: StatusPatch) -> bool:
        """Write a status unless it is equal to the last; True when it wrote. A missing object is no error (False)."""


class DesiredReplicas(Protocol):
    """Decide how many dispatchers a pool shall have."""

    async def __call__(self, pool: DispatcherPool, *, current: int | None) -> Desired:
        """Decide; `current`: the Deployment's spec.replicas, None when there is none. Raises Unavailable."""


class PoolWork(Protocol):
    """Own what pools have in the cluster; there is none where their dispatchers are started by others."""

    async def bring_in_line(self, pool: DispatcherPool) -> PoolReport | None:
        """Have the children as they shall be, and look at them; None: the pool is going. Raises JethookError."""

    def decide_by(self, desired: DesiredReplicas) -> None:
        """Have replicas decided by this from now on; called before the first pool is brought in line."""

    async def remove(self, pool: str) -> None:
        """Remove what does not go with a pool that is gone; raises Unavailable."""


class EventRecorder(Protocol):
    """Record an event on an object, as `kubectl describe` shows them; never raises, never waits for long."""

    def record(self, key: Key, *, uid: str, severity: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Record one event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a reconciler works with. `key_ring` gives a pool's keys; `enqueue` asks for a reconcile soon.

    `fence` raises Unavailable while this process must change nothing, since another one may be at work.
    """

    reader: ResourceReader
    status: StatusSink
    events: EventRecorder
    key_ring: Callable[[str], KeyRing]
    enqueue: Callable[[Key], None]
    now: Callable[[], datetime] = utc_now
    fence: Callable[[], None] = lambda: None
    children: PoolWork | None = None
