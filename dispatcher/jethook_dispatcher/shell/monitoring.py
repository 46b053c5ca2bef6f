"""What a dispatcher shows over HTTP: its metrics, whether it lives, whether it is ready.

Values are read when somebody looks, in the event loop that delivers; the writing gives way to deliveries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from nats.aio.client import Client
from prometheus_client import generate_latest

from jethook_contract.metric_families import Family, Reading
from jethook_contract.metrics import Readings, new_registry
from jethook_dispatcher.core import metric_families as families
from jethook_dispatcher.core.endpoint_exposition import exposition
from jethook_dispatcher.core.endpoint_metrics import EndpointMetrics
from jethook_dispatcher.shell.attempts import AttemptLog
from jethook_dispatcher.shell.clock import Clock, busy_seconds
from jethook_dispatcher.shell.lane_held import ByteBudget
from jethook_dispatcher.shell.lane_reports import Reporter
from jethook_dispatcher.shell.lanes import Lanes
from jethook_dispatcher.shell.membership import Membership
from jethook_dispatcher.shell.metrics import MeasuredReports
from jethook_dispatcher.shell.plan import PlanWatch
from jethook_dispatcher.shell.settings import DispatcherSettings
from jethook_dispatcher.shell.status_writes import Writes

STRETCH_SECONDS = 0.001  # of writing, before the event loop gets its turn


@dataclass(frozen=True, slots=True)
class _Vitals:
    """The parts of a dispatcher that are looked at."""

    client: Client
    membership: Membership
    plan: PlanWatch
    lanes: Lanes
    budget: ByteBudget
    log: AttemptLog
    writes: Mapping[str, Writes]


class Monitoring:
    """Be what `serve` shows; until `watch` was called there is a process, and no dispatcher yet."""

    def __init__(self, settings: DispatcherSettings) -> None:
        self._endpoints = EndpointMetrics(max_endpoints=settings.metrics_endpoints)
        self._vitals: _Vitals | None = None
        self._clock = Clock()
        self._writing = asyncio.Lock()
        self._registry = new_registry()
        build = (version("jethook"), settings.pool)
        self._registry.register(
            Readings(
                {
                    families.BUILD: lambda: {build: 1},
                    families.LOOP_BUSY: busy_seconds,
                    families.NATS_CONNECTED: lambda: self._vitals is not None and self._vitals.client.is_connected,
                    families.PARTS: lambda: self._endpoints.parts,
                    families.PARTS_REFUSED: lambda: self._endpoints.parts_refused,
                    families.FAULTS: lambda: {(reason,): count for reason, count in self._endpoints.faults.items()},
                }
            )
        )

    def measured(self, then: Reporter) -> Reporter:
        """Put the counting before a reporter."""
        return MeasuredReports(self._endpoints, then=then)

    def watch(
        self,
        *,
        client: Client,
        membership: Membership,
        plan: PlanWatch,
        lanes: Lanes,
        budget: ByteBudget,
        log: AttemptLog,
        writes: Mapping[str, Writes],
    ) -> None:
        """Show these parts from now on; called once. `writes`: of statuses, by where they go."""
        vitals = self._vitals = _Vitals(client, membership, plan, lanes, budget, log, writes)
        self._registry.register(Readings(_readings(vitals)))

    async def metrics(self) -> Sequence[bytes]:
        """Write all metrics, in turn with whatever else the event loop has to do; one at a time."""
        async with self._writing:
            pieces, began = [generate_latest(self._registry)], self._clock.monotonic()
            for piece in exposition(self._endpoints, now=self._clock.now()):
                pieces.append(piece.encode())
                if self._clock.monotonic() - began > STRETCH_SECONDS:
                    await asyncio.sleep(0)
                    began = self._clock.monotonic()
        return pieces

    def alive(self) -> str:
        """Say why the process had better be started anew; the answer itself proves that the event loop lives."""
        closed = self._vitals is not None and self._vitals.client.is_closed
        return "NATS closed the connection for good" if closed else ""

    def ready(self) -> str:
        """Say what is lacking for deliveries."""
        vitals = self._vitals
        if vitals is None or not vitals.client.is_connected:
            return "not connected to NATS"
        if not vitals.plan.pool_known.is_set():
            return "the settings of the pool are not known yet"
        if not vitals.plan.whole:
            return "the plan has not been read yet"
        return "" if vitals.membership.valid else "not a member of the pool"


def _readings(vitals: _Vitals) -> Mapping[Family, Reading]:
    membership, budget, log = vitals.membership, vitals.budget, vitals.log
    return {
        families.NATS_RECONNECTS: lambda: vitals.client.stats["reconnects"],
        families.MEMBER: lambda: membership.valid,
        families.MEMBERS: lambda: membership.live_members,
        families.SHARDS: lambda: len(membership.owned),
        families.LANES: lambda: len(vitals.lanes),
        families.PREFETCHED: lambda: budget.used,
        families.PREFETCH_LIMIT: lambda: budget.limit,
        families.STATUS_WRITES: lambda: {(store,): one.done for store, one in vitals.writes.items()},
        families.STATUS_FAILURES: lambda: {(store,): one.failed for store, one in vitals.writes.items()},
        families.LOG_BATCHES: lambda: log.batches,
        families.LOG_RECORDS: lambda: log.records,
        families.LOG_DROPPED: lambda: log.dropped,
    }
