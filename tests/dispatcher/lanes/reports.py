"""A reporter that keeps the last reports, to look at."""

from collections import Counter, deque
from datetime import datetime

from jethook_contract.plan import PlanPart
from jethook_dispatcher.shell.lane_reports import AttemptReport, BacklogReport


class RecordingReporter:
    """Count what is reported, and keep the last thousand reports of each kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.attempts: deque[AttemptReport] = deque(maxlen=1000)
        self.backlogs: deque[BacklogReport] = deque(maxlen=1000)
        self.faults: deque[tuple[str, str]] = deque(maxlen=1000)
        self.deaths: deque[tuple[str, str]] = deque(maxlen=1000)

    def attempted(self, report: AttemptReport) -> None:
        self.counts["attempted"] += 1
        self.attempts.append(report)

    def dead_lettered(self, part: PlanPart, *, reason: str, message: str, at: datetime) -> None:
        self.counts["dead_lettered"] += 1
        self.deaths.append((reason, message))

    def dead_letter_refused(self, part: PlanPart, *, at: datetime) -> None:
        self.counts["dead_letter_refused"] += 1

    def backlog(self, report: BacklogReport) -> None:
        self.backlogs.append(report)

    def part_changed(self, part: PlanPart) -> None:
        self.counts["part_changed"] += 1

    def part_faulty(self, part: PlanPart, *, reason: str, message: str) -> None:
        self.faults.append((part.subscription.name, reason))

    def part_gone(self, part: PlanPart) -> None:
        self.counts["part_gone"] += 1
