"""Say in the log what a person would look for there; pass every report on."""

from __future__ import annotations

from datetime import datetime

import structlog

from jethook_contract.plan import PlanPart
from jethook_dispatcher.shell.lane_reports import AttemptReport, BacklogReport, GateNote, ParkedNote, Reporter

_WORTH_A_LINE = frozenset({"Disabled", "Handshake", "CircuitBreaker"})

_log = structlog.get_logger(__name__)


class LoggedReports:
    """Log failures, dead letters and refusals, never successes, and hand all reports to `then`."""

    def __init__(self, then: Reporter) -> None:
        self._then = then
        self._limits: dict[tuple[str, str], str | None] = {}

    def attempted(self, report: AttemptReport) -> None:
        """Take the end of an attempt."""
        if not report.outcome.delivered:
            _log.info(
                "attempt failed",
                **_names(report.part),
                attempt=report.attempt,
                reason=report.outcome.reason,
                status_code=report.outcome.status_code,
                message=report.outcome.message,
                next_attempt_at=report.next_attempt_at.isoformat() if report.next_attempt_at else None,
            )
        self._then.attempted(report)

    def dead_lettered(self, part: PlanPart, *, reason: str, message: str, at: datetime) -> None:
        """Take that an event was given up."""
        _log.warning("event dead-lettered", **_names(part), reason=reason, message=message)
        self._then.dead_lettered(part, reason=reason, message=message, at=at)

    def dead_letter_refused(self, part: PlanPart, *, at: datetime) -> None:
        """Take that the dead-letter stream refused an event."""
        self._then.dead_letter_refused(part, at=at)

    def backlog(self, report: BacklogReport) -> None:
        """Take what waits."""
        self._then.backlog(report)

    def gate(self, note: GateNote) -> None:
        """Take what keeps an endpoint's deliveries back."""
        report = note.standing.report
        before = self._limits.get((note.namespace, note.endpoint))
        if report.limited_by != before and {report.limited_by, before} & _WORTH_A_LINE:
            _log.warning(
                "endpoint held back" if report.limited_by in _WORTH_A_LINE else "endpoint no longer held back",
                namespace=note.namespace,
                endpoint=note.endpoint,
                limited_by=report.limited_by,
                message=report.disabled.message if report.disabled else None,
            )
        self._limits[note.namespace, note.endpoint] = report.limited_by
        self._then.gate(note)

    def parked(self, note: ParkedNote) -> None:
        """Take which keys wait."""
        self._then.parked(note)

    def part_changed(self, part: PlanPart) -> None:
        """Take a new version of a part, or one that has come to this member."""
        self._then.part_changed(part)

    def part_faulty(self, part: PlanPart, *, reason: str, message: str) -> None:
        """Take that a part cannot be served."""
        self._then.part_faulty(part, reason=reason, message=message)

    def part_gone(self, part: PlanPart) -> None:
        """Take that a part is no longer this member's."""
        self._limits.pop((part.namespace, part.endpoint.name), None)
        self._then.part_gone(part)


def _names(part: PlanPart) -> dict[str, str]:
    return {"namespace": part.namespace, "endpoint": part.endpoint.name, "subscription": part.subscription.name}
