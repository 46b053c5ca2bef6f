"""Count what becomes of the attempts of one endpoint or one Subscription.

The four totals survive a change of owner (see `rebase`); the recent past, latencies and streaks are the owner's own.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from datetime import datetime

from jethook_contract.status import DeliveryStatus, LastError
from jethook_dispatcher.core.degradation import Degradation
from jethook_dispatcher.core.latency import Latencies
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.recent import RecentAttempts, RecentEvents

FAILING_AFTER_FAILURES = 10
FAILING_AFTER_SECONDS = 10.0
MAX_MESSAGE_CHARACTERS = 256
_MAX_NEXT_ATTEMPTS = 16
_SPENT = ("AttemptsExhausted", "AgeExceeded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What is counted for as long as the object lives.

    `retried`: attempts after an event's first. `failed_attempts`: attempts without success. `delivered` and
    `dead_lettered` count events.
    """

    delivered: int = 0
    retried: int = 0
    failed_attempts: int = 0
    dead_lettered: int = 0

    @classmethod
    def of(cls, status: DeliveryStatus) -> Totals:
        """Take the totals out of a report."""
        return cls(
            delivered=status.delivered,
            retried=status.retried,
            failed_attempts=status.failed_attempts,
            dead_lettered=status.dead_lettered,
        )


class Counters:
    """Accumulate; bounded in size whatever comes. Moments are aware, `now` is in seconds that never go back.

    `latencies` are left out where nobody reads them, since this runs for every attempt.
    """

    def __init__(self, *, latencies: bool = True) -> None:
        self.delivered = 0
        self.retried = 0
        self.failed_attempts = 0
        self.dead_lettered = 0
        self.last_delivery_time: datetime | None = None
        self.last_attempt_time: datetime | None = None
        self.last_error: LastError | None = None
        self.recent = RecentAttempts()
        self._degradation = Degradation()
        self._buried = RecentEvents()
        self._latencies = Latencies() if latencies else None
        self._stored = DeliveryStatus()
        self.dead_letters_refused_at: datetime | None = None
        self._failures_in_a_row = 0
        self._first_failure_of_row: datetime | None = None
        self._next_attempts: list[datetime] = []

    def attempted(
        self,
        outcome: Outcome,
        *,
        attempt: int,
        ended_at: datetime,
        next_attempt_at: datetime | None,
        now: float,
        events: int = 1,
    ) -> bool:
        """Count one attempt that has ended, for each of its events; tell whether the state may have changed by it."""
        first = self.last_attempt_time is None
        was_failing = self._failures_in_a_row > 0 and self.failing
        delivered = outcome.kind == "Delivered"
        self.last_attempt_time = ended_at
        if attempt > 1:
            self.retried += events
        self.recent.add(delivered=delivered, now=now)
        if delivered:
            self.delivered += events
            self._succeeded(outcome.duration_seconds, ended_at=ended_at, now=now)
        else:
            self.failed_attempts += events
            self._failed(outcome, ended_at=ended_at, next_attempt_at=next_attempt_at)
        failing = not delivered and self.failing
        if was_failing and delivered:
            self._degradation.outage_over()
        elif not failing and (self.recent.failed or self._degradation.on):
            self._degradation.attempted(self.recent, delivered=delivered, now=now)
        return first or was_failing != failing

    def buried(self, *, reason: str, message: str, at: datetime) -> None:
        """Count one event that went to the dead letters; a fault of the event itself becomes the last error."""
        self.dead_lettered += 1
        self.dead_letters_refused_at = None
        if reason != "Skipped":
            self._buried.add(at=at.timestamp())
        if reason not in _SPENT:
            self._remember(reason, status_code=0, message=message, at=at)

    @property
    def former(self) -> DeliveryStatus:
        """Give what was stored when this owner began; `Idle` when there was nothing."""
        return self._stored

    def degraded(self, *, now: float) -> bool:
        """Tell whether too many of the recent attempts failed (`degradation.py`)."""
        if self._degradation.on:
            self._degradation.look(self.recent, now=now)
        return self._degradation.on

    def dead_letters_lately(self, *, at: datetime) -> int:
        """Count the events that went to the dead letters in the five minutes before `at`, skipped ones left out."""
        return self._buried.count(at=at.timestamp())

    def next_attempt_time(self, *, at: datetime) -> datetime | None:
        """Give the earliest known retry after `at`, None when none is known."""
        self._next_attempts = [moment for moment in self._next_attempts if moment > at]
        return self._next_attempts[0] if self._next_attempts else None

    @property
    def failing(self) -> bool:
        """Tell whether lately nothing but failures came.

        At the first failure when nothing has ever succeeded; else after ten in a row, or when the row is 10 s long.
        """
        first, last = self._first_failure_of_row, self.last_attempt_time
        if not self._failures_in_a_row or last is None:
            return False
        if self.last_delivery_time is None or self._failures_in_a_row >= FAILING_AFTER_FAILURES:
            return True
        return first is not None and (last - first).total_seconds() >= FAILING_AFTER_SECONDS

    def success_percent(self) -> int | None:
        """Give the share of recent attempts that succeeded; the former owner's while there are none here."""
        percent = self.recent.success_percent()
        return self._stored.success_percent if percent is None else percent

    def latency_milliseconds(self) -> tuple[int | None, int | None]:
        """Give p50 and p99 of recent successful attempts; the former owner's while there are none here."""
        if self._latencies is None:
            return (None, None)
        p50, p99 = (self._latencies.percentile_milliseconds(percent) for percent in (50, 99))
        return (self._stored.p50_milliseconds, self._stored.p99_milliseconds) if p50 is None else (p50, p99)

    def totals(self) -> Totals:
        """Give the totals of this moment."""
        return Totals(
            delivered=self.delivered,
            retried=self.retried,
            failed_attempts=self.failed_attempts,
            dead_lettered=self.dead_lettered,
        )

    def rebase(self, stored: DeliveryStatus, *, persisted: Totals) -> None:
        """Go on from a stored report, and add what was counted here since `persisted` was last stored.

        Times and the last error are taken where they are newer. A stored `Failing` goes on until a success; so does a
        stored `Degraded` where nothing was seen here yet, or until a longer share is good.
        """
        self.delivered += stored.delivered - persisted.delivered
        self.retried += stored.retried - persisted.retried
        self.failed_attempts += stored.failed_attempts - persisted.failed_attempts
        self.dead_lettered += stored.dead_lettered - persisted.dead_lettered
        self._stored = stored
        own_success = self.last_delivery_time is not None
        if stored.state == "Failing" and not own_success:
            self._failures_in_a_row = max(self._failures_in_a_row, FAILING_AFTER_FAILURES)
        if stored.state == "Degraded" and not self.recent.attempts:
            self._degradation.take_over()
        self.last_delivery_time = _newer(self.last_delivery_time, stored.last_delivery_time)
        self.last_attempt_time = _newer(self.last_attempt_time, stored.last_attempt_time or stored.last_delivery_time)
        if stored.last_error is not None and (self.last_error is None or self.last_error.time < stored.last_error.time):
            self.last_error = stored.last_error
        if self._failures_in_a_row and self.last_attempt_time is None and self.last_error is not None:
            self.last_attempt_time = self.last_error.time

    def _succeeded(self, duration_seconds: float, *, ended_at: datetime, now: float) -> None:
        self.last_delivery_time = ended_at
        self._failures_in_a_row = 0
        self._first_failure_of_row = None
        if self._latencies is not None:
            self._latencies.add(duration_seconds, now=now)

    def _failed(self, outcome: Outcome, *, ended_at: datetime, next_attempt_at: datetime | None) -> None:
        self._failures_in_a_row += 1
        self._first_failure_of_row = self._first_failure_of_row or ended_at
        self._remember(outcome.reason, status_code=outcome.status_code, message=outcome.message, at=ended_at)
        if next_attempt_at is not None:
            insort(self._next_attempts, next_attempt_at)
            del self._next_attempts[_MAX_NEXT_ATTEMPTS:]

    def _remember(self, reason: str, *, status_code: int, message: str, at: datetime) -> None:
        self.last_error = LastError(
            reason=reason, status_code=status_code, time=at, message=message[:MAX_MESSAGE_CHARACTERS]
        )


def _newer(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)
