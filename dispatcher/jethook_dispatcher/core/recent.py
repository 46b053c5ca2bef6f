"""What the last minutes brought: attempts and failures in buckets of ten seconds, five minutes of them."""

from __future__ import annotations

from collections import deque

BUCKET_SECONDS = 10
WINDOW_SECONDS = 300
_BUCKETS = WINDOW_SECONDS // BUCKET_SECONDS


class RecentAttempts:
    """Count attempts by when they ended; time is given in seconds that never go back.

    The window ends with the last attempt, so that what is shown stays as it was while nothing is sent.
    """

    __slots__ = ("_buckets", "attempts", "failed")

    def __init__(self) -> None:
        self._buckets: deque[list[int]] = deque()
        self.attempts = 0
        self.failed = 0

    def add(self, *, delivered: bool, now: float) -> None:
        """Count one attempt."""
        number = int(now // BUCKET_SECONDS)
        if not self._buckets or self._buckets[-1][0] < number:
            self._turn(number)
        newest = self._buckets[-1]
        newest[1] += 1
        self.attempts += 1
        if not delivered:
            newest[2] += 1
            self.failed += 1

    def success_percent(self) -> int | None:
        """Give the share of attempts that succeeded in the window, None without any.

        Rounded to the nearest, but 100 means all and 0 means none.
        """
        total, failed = self.attempts, self.failed
        if not total:
            return None
        if failed in (0, total):
            return 100 if failed == 0 else 0
        return min(99, max(1, round(100 * (total - failed) / total)))

    def failures(self, *, seconds: int) -> int:
        """Count the failed attempts of the `seconds` that end with the last attempt, to the bucket."""
        if not self._buckets:
            return 0
        oldest = self._buckets[-1][0] - seconds // BUCKET_SECONDS
        return sum(failed for number, _, failed in self._buckets if number > oldest)

    def _turn(self, number: int) -> None:
        while self._buckets and self._buckets[0][0] <= number - _BUCKETS:
            _, attempts, failed = self._buckets.popleft()
            self.attempts -= attempts
            self.failed -= failed
        self._buckets.append([number, 0, 0])


class RecentEvents:
    """Count events by when they happened, over the same window, which ends at the moment of the question."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: deque[list[int]] = deque(maxlen=_BUCKETS)

    def add(self, *, at: float) -> None:
        """Count one; `at` in seconds, and one that is before the last counts with the last."""
        number = int(at // BUCKET_SECONDS)
        if not self._buckets or self._buckets[-1][0] < number:
            self._buckets.append([number, 0])
        self._buckets[-1][1] += 1

    def count(self, *, at: float) -> int:
        """Count those of the window that ends at `at`."""
        oldest = int(at // BUCKET_SECONDS) - _BUCKETS
        return sum(count for number, count in self._buckets if number > oldest)
