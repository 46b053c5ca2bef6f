"""What lanes report, and to whom: the seam between delivering and showing how delivery goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.standing import ParkedKeys, Standing


class AttemptReport(NamedTuple):
    """One attempt that has ended.

    `attempt` counts from 1. `next_attempt_at`: when the event is tried again, None when it is not. `events`: for how
    many the answer counts (a batch, a merge), 1 or more.
    """

    part: PlanPart
    outcome: Outcome
    attempt: int
    ended_at: datetime
    next_attempt_at: datetime | None = None
    events: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GateNote:
    """What keeps deliveries to one endpoint back, if anything does; told when it changes."""

    namespace: str
    endpoint: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedNote:
    """Which keys of an ordered Subscription wait; told when it changes."""

    part: PlanPart
    parked: ParkedKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class BacklogReport:
    """What waits for one Subscription.

    `pending` was never handed out, `unacknowledged` was (in flight, or in back-off); `in_flight` attempts run at this
    moment. `oldest_stored_at`: when JetStream
    stored the oldest of them, None when nothing waits or it is not known. `nearly_full`: the events stream is, and
    these events are a good part of why.
    """

    part: PlanPart
    pending: int
    unacknowledged: int
    in_flight: int = 0
    oldest_stored_at: datetime | None = None
    nearly_full: bool = False


class Reporter(Protocol):
    """Take reports at once, without waiting; writing them down is the reporter's own task."""

    def attempted(self, report: AttemptReport) -> None:
        """Take the end of an attempt."""

    def dead_lettered(self, part: PlanPart, *, reason: str, message: str, at: datetime) -> None:
        """Take that an event was given up and is stored as a dead letter."""

    def dead_letter_refused(self, part: PlanPart, *, at: datetime) -> None:
        """Take that the dead-letter stream refused an event, which therefore waits."""

    def backlog(self, report: BacklogReport) -> None:
        """Take what waits."""

    def gate(self, note: GateNote) -> None:
        """Take what keeps an endpoint's deliveries back."""

    def parked(self, note: ParkedNote) -> None:
        """Take which keys wait."""

    def part_changed(self, part: PlanPart) -> None:
        """Take a new version of a plan part whose shard this member owns, or a part that it has just come to own."""

    def part_faulty(self, part: PlanPart, *, reason: str, message: str) -> None:
        """Take that a part cannot be served and its lane has stopped."""

    def part_gone(self, part: PlanPart) -> None:
        """Take that a part was removed, or is no longer this member's: nothing more may be written for it."""
