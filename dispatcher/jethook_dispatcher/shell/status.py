"""Report how delivery goes: take reports from lanes at once, write them to the bucket and the resources in good time.

A change of condition is written at once, at most once a second an object; counters every 15 s an object; all within
the pool's write budget; equal reports not at all. Only the owner of an object's shard writes, after it has loaded what
the former owner stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

import structlog

from jethook_contract.errors import Unavailable
from jethook_contract.plan import PlanPart
from jethook_contract.status import StatusRecord
from jethook_dispatcher.core.delivery_state import Backlog, Fault
from jethook_dispatcher.core.tracked import ObjectKey, Tracked, endpoint_key, subscription_key
from jethook_dispatcher.core.write_budget import WriteBudget
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.lane_reports import AttemptReport, BacklogReport, GateNote, ParkedNote

TICK_SECONDS = 0.25
LOADS_A_TICK = 256
RETRY_SECONDS = 2.0
FLUSH_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class StatusStore(Protocol):
    """Where records are kept; see `StatusBucket`."""

    async def load(self, key: ObjectKey) -> tuple[StatusRecord | None, int]:
        """Give record and revision, or raise Unavailable."""

    async def save(self, record: StatusRecord, *, revision: int) -> int | None:
        """Write, give the new revision, None when another wrote in between; raise Unavailable."""


class StatusSink(Protocol):
    """Where stored records are shown too; see `KubeStatusWriter`."""

    def offer(self, record: StatusRecord, *, may_write: Callable[[], bool]) -> None:
        """Take the newest record of an object, without waiting."""


class StatusReporter:
    """Be the `Reporter` of the lanes; `run` writes for as long as the process lives.

    `holds`: whether a shard's records may be written now. `live_members`: how many share the pool's budget.
    """

    def __init__(
        self,
        store: StatusStore,
        *,
        clock: Clock,
        holds: Callable[[int], bool],
        live_members: Callable[[], int],
        sink: StatusSink | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._holds = holds
        self._live_members = live_members
        self._sink = sink
        self._budget = WriteBudget()
        self._tracked: dict[ObjectKey, Tracked] = {}
        self._due: dict[ObjectKey, float] = {}
        self._urgent: set[ObjectKey] = set()
        self._wake = asyncio.Event()

    def attempted(self, report: AttemptReport) -> None:
        """Take the end of an attempt."""
        now = self._clock.monotonic()
        for tracked in self._objects(report.part):
            turned = tracked.counters.attempted(
                report.outcome,
                attempt=report.attempt,
                ended_at=report.ended_at,
                next_attempt_at=report.next_attempt_at,
                now=now,
                events=report.events,
            )
            if turned:
                self._mark_urgent(tracked)
            elif tracked.key not in self._due:
                self._mark(tracked)

    def dead_lettered(self, part: PlanPart, *, reason: str, message: str, at: datetime) -> None:
        """Take that an event was given up and is stored as a dead letter."""
        for tracked in self._objects(part):
            tracked.counters.buried(reason=reason, message=message, at=at)
            self._mark(tracked)

    def dead_letter_refused(self, part: PlanPart, *, at: datetime) -> None:
        """Take that the dead-letter stream refused an event, which therefore waits."""
        for tracked in self._objects(part):
            first = tracked.counters.dead_letters_refused_at is None
            tracked.counters.dead_letters_refused_at = at
            if first:
                self._mark_urgent(tracked)

    def backlog(self, report: BacklogReport) -> None:
        """Take what waits."""
        backlog = Backlog(
            pending=report.pending,
            unacknowledged=report.unacknowledged,
            in_flight=report.in_flight,
            oldest_stored_at=report.oldest_stored_at,
            nearly_full=report.nearly_full,
        )
        for tracked in self._objects(report.part):
            before = (tracked.full, tracked.nearly_full)
            tracked.put_backlog(report.part, backlog=backlog)
            if (tracked.full, tracked.nearly_full) != before:
                self._mark_urgent(tracked)
            else:
                self._mark(tracked)

    def gate(self, note: GateNote) -> None:
        """Take what keeps an endpoint's deliveries back."""
        endpoint = self._tracked.get(ObjectKey("WebhookEndpoint", note.namespace, note.endpoint))
        if endpoint is None:
            return
        self._mark_by(endpoint, turned=endpoint.put_standing(note.standing))
        for part in endpoint.parts:
            subscription = self._tracked.get(subscription_key(part))
            if subscription is not None:
                self._mark_by(subscription, turned=subscription.put_standing(note.standing))

    def parked(self, note: ParkedNote) -> None:
        """Take which keys of an ordered Subscription wait."""
        tracked = self._tracked.get(subscription_key(note.part))
        if tracked is not None:
            self._mark_by(tracked, turned=tracked.put_parked(note.parked))

    def part_changed(self, part: PlanPart) -> None:
        """Take a new version of a plan part whose shard this member owns, or a part that it has just come to own."""
        for key in (endpoint_key(part), subscription_key(part)):
            tracked = self._tracked.get(key)
            if tracked is None:
                tracked = self._tracked[key] = Tracked(key, part=part)
            else:
                tracked.put_part(part)
            self._mark_urgent(tracked)
        self._share_standing(part)

    def part_faulty(self, part: PlanPart, *, reason: str, message: str) -> None:
        """Take that a part cannot be served and its lane has stopped."""
        for tracked in self._objects(part):
            tracked.put_fault(part, fault=Fault(reason=reason, message=message))
            self._mark_urgent(tracked)

    def part_gone(self, part: PlanPart) -> None:
        """Take that a part was removed, or is no longer this member's: nothing more is written for it."""
        for key in (endpoint_key(part), subscription_key(part)):
            tracked = self._tracked.get(key)
            if tracked is None:
                continue
            tracked.drop_part(part)
            if tracked.abandoned:
                del self._tracked[key]
                self._due.pop(key, None)
                self._urgent.discard(key)
            else:
                self._mark_urgent(tracked)

    async def run(self) -> None:
        """Write what is due, for ever; idle while nothing changes."""
        while True:
            await self._wake.wait()
            await self._write_due()
            if not self._due:
                self._wake.clear()
            await asyncio.sleep(TICK_SECONDS)

    async def flush(self, *, shard: int | None = None) -> None:
        """Write what has changed now, before a shard (None: every shard) is given up; at most 5 s, budget or not."""
        keys = [
            key for key in self._due if key in self._tracked and (shard is None or self._tracked[key].shard == shard)
        ]
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._load(keys)
                await self._write(keys, within_budget=False)
        except TimeoutError:
            _log.warning("status not flushed", objects=len(keys))

    async def _write_due(self) -> None:
        now = self._clock.monotonic()
        ready = sorted((key not in self._urgent, at, key) for key, at in self._due.items() if at <= now)
        keys = [key for _, _, key in ready]
        await self._load(keys)
        await self._write(keys, within_budget=True)

    async def _load(self, keys: Iterable[ObjectKey]) -> None:
        missing = [t for t in map(self._tracked.get, keys) if t is not None and t.revision is None]
        await asyncio.gather(*(self._load_one(tracked) for tracked in missing[:LOADS_A_TICK]))

    async def _load_one(self, tracked: Tracked) -> None:
        try:
            record, revision = await self._store.load(tracked.key)
        except Unavailable as exc:
            self._postpone(tracked, error=exc)
            return
        tracked.loaded(record, revision=revision)

    async def _write(self, keys: Iterable[ObjectKey], *, within_budget: bool) -> None:
        writes = []
        now, at = self._clock.monotonic(), self._clock.now()
        for key in keys:
            tracked = self._tracked.get(key)
            if tracked is None or tracked.revision is None:
                continue
            if not self._holds(tracked.shard):
                self._postpone(tracked, error=None)
                continue
            record = tracked.record(at=at, now=now)
            if record == tracked.stored:
                self._settle(key)
            elif not within_budget or self._budget.take(now=now, members=self._live_members()):
                self._settle(key)
                writes.append(self._write_one(tracked, record=record, revision=tracked.revision, now=now))
            else:
                break
        await asyncio.gather(*writes)

    async def _write_one(self, tracked: Tracked, *, record: StatusRecord, revision: int, now: float) -> None:
        try:
            written = await self._store.save(record, revision=revision)
        except Unavailable as exc:
            # The write may have arrived all the same: read again what is there.
            tracked.revision, tracked.in_doubt = None, record
            self._postpone(tracked, error=exc)
            return
        if written is None:
            tracked.revision = None
            if self._tracked.get(tracked.key) is tracked:
                self._mark_urgent(tracked)
            return
        tracked.saved(record, revision=written, now=now)
        if self._sink is not None and self._tracked.get(tracked.key) is tracked:
            shard = tracked.shard
            self._sink.offer(record, may_write=lambda: self._holds(shard))

    def _objects(self, part: PlanPart) -> Iterable[Tracked]:
        for key in (endpoint_key(part), subscription_key(part)):
            tracked = self._tracked.get(key)
            if tracked is not None:
                yield tracked

    def _share_standing(self, part: PlanPart) -> None:
        """Tell a Subscription that came later how its endpoint stands."""
        endpoint, subscription = self._tracked[endpoint_key(part)], self._tracked[subscription_key(part)]
        if endpoint.standing is not None:
            subscription.put_standing(endpoint.standing)

    def _mark_by(self, tracked: Tracked, *, turned: bool) -> None:
        if turned:
            self._mark_urgent(tracked)
        else:
            self._mark(tracked)

    def _mark(self, tracked: Tracked) -> None:
        at = tracked.due_at(urgent=False, now=self._clock.monotonic())
        self._due[tracked.key] = min(self._due.get(tracked.key, at), at)
        self._wake.set()

    def _mark_urgent(self, tracked: Tracked) -> None:
        at = tracked.due_at(urgent=True, now=self._clock.monotonic())
        self._due[tracked.key] = min(self._due.get(tracked.key, at), at)
        self._urgent.add(tracked.key)
        self._wake.set()

    def _settle(self, key: ObjectKey) -> None:
        self._due.pop(key, None)
        self._urgent.discard(key)

    def _postpone(self, tracked: Tracked, *, error: Unavailable | None) -> None:
        if tracked.key in self._tracked:
            self._due[tracked.key] = self._clock.monotonic() + RETRY_SECONDS
            self._wake.set()
        if error is not None:
            _log.warning("status not written", object="/".join(tracked.key), reason=error.reason, error=error.message)
