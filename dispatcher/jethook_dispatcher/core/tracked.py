"""One object whose delivery this member reports: its plan parts, what was counted, and what was last stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from jethook_contract.members import shard_of
from jethook_contract.names import plan_key
from jethook_contract.plan import PlanPart
from jethook_contract.status import StatusRecord
from jethook_dispatcher.core.counters import Counters, Totals
from jethook_dispatcher.core.delivery_state import (
    MAX_UNACKNOWLEDGED,
    Backlog,
    Fault,
    Kind,
    Situation,
    delivering_condition,
    delivery_status,
)
from jethook_dispatcher.core.standing import ParkedKeys, Standing
from jethook_dispatcher.core.write_order import Urgency

COUNTERS_EVERY_SECONDS = 15.0
CONDITION_EVERY_SECONDS = 1.0
MAX_LOOK_PAUSE_SECONDS = 120.0
SHOW_AGAIN_SECONDS = 60.0


class ObjectKey(NamedTuple):
    """Name one object."""

    kind: Kind
    namespace: str
    name: str


class Tracked:
    """Keep what is known of one object.

    `revision` is None until the stored record was loaded, 0 when there is none. `in_doubt`: a record whose write got
    no answer, and which may be stored all the same. `written_at`: when the last write began. `shard`: the one whose
    owner may write this object; a Subscription's is its endpoint's.
    """

    def __init__(self, key: ObjectKey, *, part: PlanPart) -> None:
        self.key = key
        self.counters = self._fresh_counters()
        self.revision: int | None = None
        self.stored: StatusRecord | None = None
        self.in_doubt: StatusRecord | None = None
        self.written_at: float | None = None
        self.shard = 0
        self._look_at = 0.0
        self._look_pause_seconds = COUNTERS_EVERY_SECONDS
        self._persisted = Totals()
        self._parts: dict[str, PlanPart] = {}
        self._backlogs: dict[str, Backlog] = {}
        self._faults: dict[str, Fault] = {}
        self.standing: Standing | None = None
        self.parked = ParkedKeys()
        self.uid = ""
        self.put_part(part)

    @property
    def abandoned(self) -> bool:
        """Tell whether no part is left."""
        return not self._parts

    def put_part(self, part: PlanPart) -> None:
        """Take a part's new version; another UID starts the counters from nothing."""
        uid = part.endpoint.uid if self.key.kind == "WebhookEndpoint" else part.subscription.uid
        if self._parts and uid != self.uid:
            self.counters, self._persisted, self.stored = self._fresh_counters(), Totals(), None
        self.uid = uid
        if self.key.kind == "Subscription":
            self._parts.clear()
        self._parts[_name(part)] = part
        self._faults.pop(_name(part), None)
        self._follow_shard()

    def drop_part(self, part: PlanPart) -> None:
        """Forget a part."""
        for known in (self._parts, self._backlogs, self._faults):
            known.pop(_name(part), None)
        self._follow_shard()

    @property
    def parts(self) -> tuple[PlanPart, ...]:
        """Give the parts that are known."""
        return tuple(self._parts.values())

    def put_standing(self, standing: Standing) -> bool:
        """Take how the endpoint's gate stands; tell whether that is worth a write at once."""
        before, self.standing = self.standing, standing
        return standing.turned_from(before)

    def put_parked(self, parked: ParkedKeys) -> bool:
        """Take which keys wait; tell whether that is worth a write at once."""
        before, self.parked = self.parked, parked
        return (before.blocked, before.count > 0) != (parked.blocked, parked.count > 0)

    def backlog_of(self, part: PlanPart) -> Backlog | None:
        """Give what was last known to wait for one part, None when it was not looked at yet."""
        return self._backlogs.get(_name(part))

    def put_backlog(self, part: PlanPart, *, backlog: Backlog) -> bool:
        """Take what waits for one part; tell whether that is worth a write at once."""
        before = (self.full, self.nearly_full)
        self._backlogs[_name(part)] = backlog
        return (self.full, self.nearly_full) != before

    def put_fault(self, part: PlanPart, *, fault: Fault) -> None:
        """Take that one part cannot be served."""
        self._faults[_name(part)] = fault

    @property
    def full(self) -> bool:
        """Tell whether a consumer is at its bound; what was stored stands until each part was looked at."""
        if any(backlog.unacknowledged >= MAX_UNACKNOWLEDGED for backlog in self._backlogs.values()):
            return True
        was_full = self.stored is not None and self.stored.delivery.state == "RetryBacklogFull"
        return was_full and any(name not in self._backlogs for name in self._parts)

    @property
    def nearly_full(self) -> bool:
        """Tell whether what waits here is a good part of why an events stream is nearly full."""
        return any(backlog.nearly_full for backlog in self._backlogs.values())

    def loaded(self, record: StatusRecord | None, *, revision: int) -> None:
        """Take what is stored: the counters go on from it when it was counted for the same UID."""
        mine = record if record is not None and record.uid == self.uid else None
        if mine is not None and mine == self.in_doubt:
            self._persisted = Totals.of(mine.delivery)
        elif mine is not None:
            self.counters.rebase(mine.delivery, persisted=self._persisted)
            self._persisted = Totals.of(mine.delivery)
        self.stored, self.revision, self.in_doubt = mine, revision, None

    def saved(self, record: StatusRecord, *, revision: int, now: float) -> None:
        """Take that the record was stored."""
        self.stored, self.revision, self.written_at = record, revision, now
        self._persisted = Totals.of(record.delivery)
        self._look_pause_seconds = COUNTERS_EVERY_SECONDS
        self._look_at = now + COUNTERS_EVERY_SECONDS

    def found_equal(self, *, now: float) -> None:
        """Take that the report of this moment says what is stored: without news the next look can wait longer."""
        self._look_at = now + self._look_pause_seconds
        self._look_pause_seconds = min(2 * self._look_pause_seconds, MAX_LOOK_PAUSE_SECONDS)

    def worth_a_look(self, *, now: float) -> bool:
        """Tell whether time alone may have changed the report, such as the failures of the last minute."""
        return now >= self._look_at

    def record(self, *, at: datetime, now: float) -> StatusRecord:
        """Write the report of this moment."""
        situation = self._situation(at=at, now=now)
        return StatusRecord(
            kind=self.key.kind,
            namespace=self.key.namespace,
            name=self.key.name,
            uid=self.uid,
            delivery=delivery_status(situation),
            condition=delivering_condition(situation, previous=self.stored.condition if self.stored else None),
        )

    @property
    def turned(self) -> Urgency:
        """Give how urgent a change of this object's condition is."""
        return Urgency.ENDPOINT_TURNED if self.key.kind == "WebhookEndpoint" else Urgency.SUBSCRIPTION_TURNED

    def urgency_of(self, record: StatusRecord) -> Urgency:
        """Tell what writing the record is for: a change of state or condition, or counters and messages."""
        stored = self.stored
        return self.turned if stored is None or _words(stored) != _words(record) else Urgency.COUNTERS

    def unshown(self, *, at: datetime) -> Urgency | None:
        """Tell how urgent it is to show the record that was loaded, None where there is nothing to show.

        Its former owner shows within seconds what it stores, unless it ends in between; so what tells of the last
        minute is shown once more, and a quiet object is not written. As most of it is shown already, no endpoint that
        turns now waits for it.
        """
        if self.stored is None:
            return None
        condition, delivery = self.stored.condition, self.stored.delivery
        since = at - timedelta(seconds=SHOW_AGAIN_SECONDS)
        if condition is not None and condition.status != "Unknown" and condition.last_transition_time > since:
            return Urgency.SUBSCRIPTION_TURNED
        failed_at = delivery.last_error.time if delivery.last_error is not None else None
        moments = (delivery.last_attempt_time, delivery.last_delivery_time, failed_at)
        return Urgency.COUNTERS if any(moment is not None and moment > since for moment in moments) else None

    def due_at(self, *, urgent: bool, now: float) -> float:
        """Give the moment from which the next write is allowed."""
        if self.written_at is None:
            return now
        return max(now, self.written_at + (CONDITION_EVERY_SECONDS if urgent else COUNTERS_EVERY_SECONDS))

    def _follow_shard(self) -> None:
        part = next(iter(self._parts.values()), None)
        if part is not None:
            self.shard = shard_of(part.namespace, part.endpoint.name)

    def _fresh_counters(self) -> Counters:
        return Counters(latencies=self.key.kind == "WebhookEndpoint")

    def _situation(self, *, at: datetime, now: float) -> Situation:
        parts = tuple(self._parts.values())
        active = [name for name, part in self._parts.items() if part.state == "Active"]
        faults = [self._faults[name] for name in active if name in self._faults]
        return Situation(
            kind=self.key.kind,
            parts=parts,
            counters=self.counters,
            backlog=self._backlog(),
            at=at,
            now=now,
            full=self.full,
            standing=self.standing,
            parked=self.parked,
            fault=faults[0] if faults and len(faults) == len(active) else None,
        )

    def _backlog(self) -> Backlog:
        complete = all(name in self._backlogs for name in self._parts)
        if complete or self.stored is None:
            return Backlog.sum_of(list(self._backlogs.values()))
        # Just taken over: what the former owner saw stands until each part was looked at.
        last = self.stored.delivery
        return Backlog(
            pending=last.backlog,
            oldest_stored_at=last.oldest_undelivered_time,
            nearly_full=last.state == "NearlyFull",
        )


def endpoint_key(part: PlanPart) -> ObjectKey:
    """Name the endpoint of a part."""
    return ObjectKey("WebhookEndpoint", part.namespace, part.endpoint.name)


def subscription_key(part: PlanPart) -> ObjectKey:
    """Name the Subscription of a part."""
    return ObjectKey("Subscription", part.namespace, part.subscription.name)


def _words(record: StatusRecord) -> tuple[object, ...]:
    """Give what a change of condition changes; messages move with every figure in them."""
    condition = record.condition
    if condition is None:
        return (record.delivery.state,)
    return record.delivery.state, condition.status, condition.reason, condition.observed_generation


def _name(part: PlanPart) -> str:
    return plan_key(part.namespace, part.endpoint.name, part.subscription.name)
