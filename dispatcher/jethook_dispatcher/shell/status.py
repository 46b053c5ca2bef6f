"""Report how delivery goes: take reports from lanes at once, for the outbox to write in good time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.delivery_state import Backlog, Fault
from jethook_dispatcher.core.tracked import ObjectKey, Tracked, endpoint_key, subscription_key
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.lane_reports import AttemptReport, BacklogReport, GateNote, ParkedNote
from jethook_dispatcher.shell.status_outbox import StatusOutbox, StatusSink, StatusStore


class StatusReporter:
    """Be the `Reporter` of the lanes; `run` writes for as long as the process lives.

    `holds`: whether a shard's records may be written now. `share`: of the pool's shards, how many are held (0 to 1).
    """

    def __init__(
        self,
        store: StatusStore,
        *,
        clock: Clock,
        holds: Callable[[int], bool],
        share: Callable[[], float],
        sink: StatusSink | None = None,
    ) -> None:
        self._clock = clock
        self._tracked: dict[ObjectKey, Tracked] = {}
        self._found: dict[tuple[str, str, str], tuple[Tracked, ...]] = {}
        self._outbox = StatusOutbox(store, clock=clock, holds=holds, share=share, sink=sink)

    @property
    def at_rest(self) -> bool:
        """Tell whether nothing waits to be written or looked at."""
        return self._outbox.empty

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
            elif tracked.key not in self._outbox:
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
            if tracked.backlog_of(report.part) != backlog:
                self._mark_by(tracked, turned=tracked.put_backlog(report.part, backlog=backlog))
            elif tracked.worth_a_look(now=self._clock.monotonic()):
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
        self._found.clear()
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
        self._found.clear()
        for key in (endpoint_key(part), subscription_key(part)):
            tracked = self._tracked.get(key)
            if tracked is None:
                continue
            tracked.drop_part(part)
            if tracked.abandoned:
                del self._tracked[key]
                self._outbox.drop(key)
            else:
                self._mark_urgent(tracked)

    async def run(self) -> None:
        """Write what is due, for ever; idle while nothing changes."""
        await self._outbox.run()

    async def flush(self, *, shard: int | None = None) -> None:
        """Write what has changed now, before a shard (None: every shard) is given up; at most 5 s, budget or not."""
        await self._outbox.flush(shard=shard)

    def _objects(self, part: PlanPart) -> Iterable[Tracked]:
        """Give what is tracked of a part; remembered, since this is asked at every attempt."""
        address = (part.namespace, part.endpoint.name, part.subscription.name)
        found = self._found.get(address)
        if found is None:
            keys = (endpoint_key(part), subscription_key(part))
            found = self._found[address] = tuple([self._tracked[key] for key in keys if key in self._tracked])
        return found

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
        self._outbox.put(tracked, urgent=False)

    def _mark_urgent(self, tracked: Tracked) -> None:
        self._outbox.put(tracked, urgent=True)
