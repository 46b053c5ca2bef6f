"""Say in the log what a person would look for there; pass every report on."""

from __future__ import annotations

from datetime import datetime

import structlog

from jethook_contract.plan import PlanPart
from jethook_dispatcher.shell.lane_reports import AttemptReport, BacklogReport, Reporter

_log = structlog.get_logger(__name__)


class LoggedReports:
    """Log failures, dead letters and refusals, never successes, and hand all reports to `then`."""

    def __init__(self, then: Reporter) -> None:
        self._then = then

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

    def part_changed(self, part: PlanPart) -> None:
        """Take a new version of a part, or one that has come to this member."""
        self._then.part_changed(part)

    def part_faulty(self, part: PlanPart, *, reason: str, message: str) -> None:
        """Take that a part cannot be served."""
        self._then.part_faulty(part, reason=reason, message=message)

    def part_gone(self, part: PlanPart) -> None:
        """Take that a part is no longer this member's."""
        self._then.part_gone(part)


def _names(part: PlanPart) -> dict[str, str]:
    return {"namespace": part.namespace, "endpoint": part.endpoint.name, "subscription": part.subscription.name}
