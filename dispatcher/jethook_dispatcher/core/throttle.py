"""Fewer requests for a receiver that says it is given too many (429, 502, 503, 504): AIMD, as TCP does it.

The rate is halved, at most once a second and only for an attempt that began after the last time, since an older one
says nothing about the lower rate. It comes back by a sixtieth of the spec's each second; where the spec sets none, of
what was observed before the first halving.
Source: Chiu and Jain, 1989; RFC 5681 for what counts as one congestion.
"""

from __future__ import annotations

MIN_RATE = 0.1
MIN_OBSERVED = 10.0
DECREASE = 0.5
MIN_INTERVAL_SECONDS = 1.0
RETURN_SECONDS = 60.0
LIFTED_AT = 2.0
_METER_SECONDS = 2.0


class Throttle:
    """Hold the rate down after such answers; rates are requests a second, times monotonic seconds."""

    __slots__ = ("_base", "_changed_at", "_lowered_at", "_rate")

    def __init__(self) -> None:
        self._rate: float | None = None
        self._base = 0.0
        self._changed_at = 0.0
        self._lowered_at = float("-inf")

    @property
    def active(self) -> bool:
        """Tell whether a bound is imposed; one that has come back is gone at the next `rate`."""
        return self._rate is not None

    def lower(self, *, allowed: float | None, observed: float, started_at: float, now: float) -> bool:
        """Take such an answer in; tell whether the rate was halved.

        `allowed`: at this moment, None for no bound. `observed`: what started lately; half of it is the new rate where
        less was sent than allowed, but never
        of less than ten a second: one such answer among few requests must not hold up the next burst for minutes.
        `started_at`: of the attempt.
        """
        if now - self._lowered_at < MIN_INTERVAL_SECONDS or started_at < self._lowered_at:
            return False
        current = max(MIN_OBSERVED, observed)
        if allowed is not None:
            current = min(allowed, current)
        if self._rate is None:
            self._base = current
        self._rate = max(MIN_RATE, current * DECREASE)
        self._lowered_at = self._changed_at = now
        return True

    def rate(self, *, spec: float | None, now: float) -> float | None:
        """Give the bound, None for none.

        It is lifted when it reaches `spec`; without one, when it is twice what was observed at first.
        """
        if self._rate is None:
            return None
        step = (self._base if spec is None else spec) / RETURN_SECONDS
        self._rate += max(0.0, now - self._changed_at) * step
        self._changed_at = now
        if self._rate >= (self._base * LIFTED_AT if spec is None else spec):
            self._rate = None
        return self._rate


class RateMeter:
    """Tell how many requests a second started lately, over two to four seconds."""

    __slots__ = ("_began_at", "_count", "_ends_at", "_former")

    def __init__(self, *, now: float) -> None:
        self._began_at = now
        self._ends_at = now + _METER_SECONDS
        self._count = self._former = 0

    def add(self, *, now: float) -> None:
        """Count one."""
        if now >= self._ends_at:
            self._turn(now)
        self._count += 1

    def rate(self, *, now: float) -> float:
        """Give requests a second; what began within the last second counts as if it had taken a whole one."""
        if now >= self._ends_at:
            self._turn(now)
        span = now - self._began_at + (_METER_SECONDS if self._former else 0.0)
        return (self._count + self._former) / max(1.0, span)

    def _turn(self, now: float) -> None:
        recent = now < self._ends_at + _METER_SECONDS
        self._former = self._count if recent else 0
        self._count = 0
        self._began_at = self._ends_at if recent else now
        self._ends_at = self._began_at + _METER_SECONDS
