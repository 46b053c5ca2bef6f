"""One object whose delivery this member reports: its plan parts, what was counted, and what was last stored."""

from __future__ import annotations

from datetime import datetime
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

COUNTERS_EVERY_SECONDS = 15.0
CONDITION_EVERY_SECONDS = 1.0


class ObjectKey(NamedTuple):
    """Name one object."""

    kind: Kind
    namespace: str
    name: str


class Tracked:
    """Keep what is known of one object.

    `revision` is None until the stored record was loaded, 0 when there is none. `in_doubt`: a record whose write got
    no answer, and which may be stored all the same.
    """

    def __init__(self, key: ObjectKey, *, part: PlanPart) -> None:
        self.key = key
        self.counters = self._fresh_counters()
        self.revision: int | None = None
        self.stored: StatusRecord | None = None
        self.in_doubt: StatusRecord | None = None
        self.written_at: float | None = None
        self._persisted = Totals()
        self._parts: dict[str, PlanPart] = {}
        self._backlogs: dict[str, Backlog] = {}
        self._faults: dict[str, Fault] = {}
        self.standing: Standing | None = None
        self.parked = ParkedKeys()
        self.uid = ""
        self.put_part(part)

    @property
    def shard(self) -> int:
        """Give the shard whose owner may write this object; a Subscription's is its endpoint's."""
        part = next(iter(self._parts.values()))
        return shard_of(part.namespace, part.endpoint.name)

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

    def drop_part(self, part: PlanPart) -> None:
        """Forget a part."""
        for known in (self._parts, self._backlogs, self._faults):
            known.pop(_name(part), None)

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

    def put_backlog(self, part: PlanPart, *, backlog: Backlog) -> None:
        """Take what waits for one part."""
        self._backlogs[_name(part)] = backlog

    def put_fault(self, part: PlanPart, *, fault: Fault) -> None:
        """Take that one part cannot be served."""
        self._faults[_name(part)] = fault

    @property
    def full(self) -> bool:
        """Tell whether a consumer is at its bound."""
        return any(backlog.unacknowledged >= MAX_UNACKNOWLEDGED for backlog in self._backlogs.values())

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

    def due_at(self, *, urgent: bool, now: float) -> float:
        """Give the moment from which the next write is allowed."""
        if self.written_at is None:
            return now
        return max(now, self.written_at + (CONDITION_EVERY_SECONDS if urgent else COUNTERS_EVERY_SECONDS))

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
        return Backlog(pending=last.backlog, oldest_stored_at=last.oldest_undelivered_time)


def endpoint_key(part: PlanPart) -> ObjectKey:
    """Name the endpoint of a part."""
    return ObjectKey("WebhookEndpoint", part.namespace, part.endpoint.name)


def subscription_key(part: PlanPart) -> ObjectKey:
    """Name the Subscription of a part."""
    return ObjectKey("Subscription", part.namespace, part.subscription.name)


def _name(part: PlanPart) -> str:
    return plan_key(part.namespace, part.endpoint.name, part.subscription.name)
