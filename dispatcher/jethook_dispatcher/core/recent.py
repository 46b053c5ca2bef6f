"""What the last minutes brought: attempts and failures in buckets of ten seconds, five minutes of them."""

from __future__ import annotations

from collections import deque

BUCKET_SECONDS = 10
WINDOW_SECONDS = 300
_BUCKETS = WINDOW_SECONDS // BUCKET_SECONDS


class RecentAttempts:
    """Count attempts by when they ended; time is given in seconds that never go back."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: deque[list[int]] = deque(maxlen=_BUCKETS)

    def add(self, *, delivered: bool, now: float) -> None:
        """Count one attempt."""
        number = int(now // BUCKET_SECONDS)
        if not self._buckets or self._buckets[-1][0] < number:
            self._buckets.append([number, 0, 0])
        newest = self._buckets[-1]
        newest[1] += 1
        if not delivered:
            newest[2] += 1

    def success_percent(self) -> int | None:
        """Give the share of attempts that succeeded in the window that ends with the last one, None without any.

        Rounded to the nearest, but 100 means all and 0 means none.
        """
        if not self._buckets:
            return None
        total, failed = self._sums(self._buckets[-1][0] * BUCKET_SECONDS, seconds=WINDOW_SECONDS)
        if not total:
            return None
        if failed in (0, total):
            return 100 if failed == 0 else 0
        return min(99, max(1, round(100 * (total - failed) / total)))

    def failures(self, *, now: float, seconds: int) -> int:
        """Count the failed attempts of the last `seconds`, to the bucket."""
        return self._sums(now, seconds=seconds)[1]

    def _sums(self, now: float, *, seconds: int) -> tuple[int, int]:
        oldest = int(now // BUCKET_SECONDS) - seconds // BUCKET_SECONDS
        kept = [bucket for bucket in self._buckets if bucket[0] > oldest]
        return sum(bucket[1] for bucket in kept), sum(bucket[2] for bucket in kept)
