"""Count what the lanes report; pass every report on."""

from __future__ import annotations

from datetime import datetime

from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.endpoint_metrics import EndpointMetrics
from jethook_dispatcher.shell.lane_reports import AttemptReport, BacklogReport, GateNote, ParkedNote, Reporter


class MeasuredReports:
    """Keep `metrics` current, and hand all reports to `then`."""

    def __init__(self, metrics: EndpointMetrics, *, then: Reporter) -> None:
        self._metrics = metrics
        self._then = then

    def attempted(self, report: AttemptReport) -> None:
        """Take the end of an attempt."""
        self._metrics.attempted(report.part, report.outcome, attempt=report.attempt, events=report.events)
        self._then.attempted(report)

    def dead_lettered(self, part: PlanPart, *, reason: str, message: str, at: datetime) -> None:
        """Take that an event was given up."""
        self._metrics.dead_lettered(part, reason=reason)
        self._then.dead_lettered(part, reason=reason, message=message, at=at)

    def dead_letter_refused(self, part: PlanPart, *, at: datetime) -> None:
        """Take that the dead-letter stream refused an event."""
        self._metrics.dead_letter_refused(part)
        self._then.dead_letter_refused(part, at=at)

    def backlog(self, report: BacklogReport) -> None:
        """Take what waits."""
        self._metrics.backlog(
            report.part,
            pending=report.pending,
            unacknowledged=report.unacknowledged,
            in_flight=report.in_flight,
            oldest=report.oldest_stored_at,
        )
        self._then.backlog(report)

    def gate(self, note: GateNote) -> None:
        """Take what keeps an endpoint's deliveries back."""
        self._metrics.gate(note.namespace, note.endpoint, report=note.standing.report)
        self._then.gate(note)

    def parked(self, note: ParkedNote) -> None:
        """Take which keys wait."""
        self._metrics.parked(note.part, keys=note.parked.count)
        self._then.parked(note)

    def part_changed(self, part: PlanPart) -> None:
        """Take a new version of a part, or one that has come to this member."""
        self._metrics.part_changed(part)
        self._then.part_changed(part)

    def part_faulty(self, part: PlanPart, *, reason: str, message: str) -> None:
        """Take that a part cannot be served."""
        self._metrics.part_faulty(part)
        self._then.part_faulty(part, reason=reason, message=message)

    def part_gone(self, part: PlanPart) -> None:
        """Take that a part is no longer this member's."""
        self._metrics.part_gone(part)
        self._then.part_gone(part)
