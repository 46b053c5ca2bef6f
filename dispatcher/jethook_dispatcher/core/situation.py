"""All that the report on one object is made of, gathered at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from jethook_contract.plan import PlanPart
from jethook_contract.status import DeliveryState
from jethook_dispatcher.core.counters import Counters
from jethook_dispatcher.core.standing import ParkedKeys, Standing

Kind = Literal["WebhookEndpoint", "Subscription"]

QUIET_SECONDS = 300.0
REFUSAL_SHOWN_SECONDS = 120.0
_OF_A_GATE = frozenset[DeliveryState]({"Pending", "Disabled", "CircuitOpen", "Throttled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits: `pending` never handed out, `unacknowledged` was; `in_flight` of those are being tried now."""

    pending: int = 0
    unacknowledged: int = 0
    in_flight: int = 0
    oldest_stored_at: datetime | None = None
    nearly_full: bool = False

    @property
    def events(self) -> int:
        """Count all that is not delivered yet."""
        return self.pending + self.unacknowledged

    @staticmethod
    def sum_of(backlogs: list[Backlog]) -> Backlog:
        """Add up the backlogs of an endpoint's Subscriptions."""
        return Backlog(
            nearly_full=any(backlog.nearly_full for backlog in backlogs),
            pending=sum(backlog.pending for backlog in backlogs),
            unacknowledged=sum(backlog.unacknowledged for backlog in backlogs),
            in_flight=sum(backlog.in_flight for backlog in backlogs),
            oldest_stored_at=min((b.oldest_stored_at for b in backlogs if b.oldest_stored_at), default=None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why the dispatcher cannot serve a plan part at all."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a report is made of, for one object at one moment.

    `parts`: an endpoint's, or the one of a Subscription. `full`: one of their consumers is at its bound. `at` is the
    wall clock, `now` the same moment in seconds that never go back. `standing` is the endpoint's, None before its
    lane has told of it; `parked` are an ordered Subscription's keys that wait.
    """

    kind: Kind
    parts: tuple[PlanPart, ...]
    counters: Counters
    backlog: Backlog
    at: datetime
    now: float
    full: bool = False
    fault: Fault | None = None
    standing: Standing | None = None
    parked: ParkedKeys = field(default_factory=ParkedKeys)

    @property
    def dead_letters_full(self) -> bool:
        """Tell whether the dead letters refused an event lately, and took none since."""
        refused_at = self.counters.dead_letters_refused_at
        return refused_at is not None and (self.at - refused_at).total_seconds() < REFUSAL_SHOWN_SECONDS

    @property
    def attempts_fail(self) -> bool:
        """Tell whether too many recent attempts failed.

        Long after the last one it counts only while something waits; in slow start what failed before is not held
        against the receiver.
        """
        if self.standing is not None and self.standing.report.limited_by == "SlowStart":
            return False
        last = self.counters.last_attempt_time
        quiet = last is None or (self.at - last).total_seconds() >= QUIET_SECONDS
        return self.counters.degraded(now=self.now) and not (quiet and not self.backlog.events)

    @property
    def handed_down(self) -> DeliveryState | None:
        """Give the state that the former owner left, of those that a gate gives, while ours has not told of itself.

        Without it each change of owner would show a moment of something else.
        """
        former = self.counters.former.state
        return former if self.standing is None and former in _OF_A_GATE else None

    @property
    def open_targets(self) -> int:
        """Count the targets that are left out while others go on; 0 where the circuit is the whole endpoint's."""
        report = self.standing.report if self.standing else None
        return report.open_targets if report is not None and report.circuit == "Closed" else 0

    @property
    def dead_letters_lately(self) -> int:
        """Count the events that were given up in the last five minutes."""
        return self.counters.dead_letters_lately(at=self.at)
