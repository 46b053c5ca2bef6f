"""How long successful attempts take: a histogram of logarithmic buckets, of the last five to ten busy minutes.

Each bucket is a tenth wider than the one before, so a percentile is off by a tenth at most; 1 ms to 10 minutes.
"""

from __future__ import annotations

from bisect import bisect_left

SPAN_SECONDS = 300.0
_GROWTH = 1.1
_BUCKETS = 141


def _bounds() -> tuple[float, ...]:
    bounds = [0.001]
    while len(bounds) < _BUCKETS:
        bounds.append(bounds[-1] * _GROWTH)
    return tuple(bounds)


_UPPER_SECONDS = _bounds()


class Latencies:
    """Count durations of the current span and the one before; time is given in seconds that never go back."""

    __slots__ = ("_current", "_previous", "_started")

    def __init__(self) -> None:
        self._current: list[int] = []
        self._previous: list[int] = []
        self._started = 0.0

    def add(self, seconds: float, *, now: float) -> None:
        """Count one duration."""
        self._turn(now)
        if not self._current:
            self._current = [0] * _BUCKETS
        self._current[min(bisect_left(_UPPER_SECONDS, seconds), _BUCKETS - 1)] += 1

    def percentile_milliseconds(self, percent: int) -> int | None:
        """Give the duration within which `percent` (1 to 100) of the attempts ended, None when there were none."""
        counts = [a + b for a, b in zip(*self._both(), strict=True)]
        total = sum(counts)
        if not total:
            return None
        rank = -(-total * percent // 100)
        for upper, count in zip(_UPPER_SECONDS, counts, strict=True):
            rank -= count
            if rank <= 0:
                return max(1, round(upper * 1000))
        return round(_UPPER_SECONDS[-1] * 1000)

    def _both(self) -> tuple[list[int], list[int]]:
        empty = [0] * _BUCKETS
        return (self._current or empty, self._previous or empty)

    def _turn(self, now: float) -> None:
        spans = int((now - self._started) // SPAN_SECONDS)
        if spans >= 1:
            self._previous = self._current if spans == 1 else []
            self._current = []
            self._started += spans * SPAN_SECONDS
