"""What the last attempts at one target brought: ten buckets over the breaker's window, and the failures in a row.

The row answers an outage of a target that did well before: its window holds successes for a long time yet.
"""

from __future__ import annotations

from collections import deque

from jethook_dispatcher.core.answers import Health

BUCKETS = 10


class BreakerWindow:
    """Count attempts by what they say of the receiver; times are monotonic seconds.

    A bucket is forgotten as a whole, so the window is between nine tenths of `seconds` and `seconds`. `row`: those that
    were `Down` since the last `Up`, of any age; what is `Unclear` neither ends the row nor belongs to it.
    """

    __slots__ = ("_closed", "_ends_at", "_former", "_row_began_at", "_width", "down", "row", "unclear", "up")

    def __init__(self, *, seconds: float, now: float) -> None:
        self._width = seconds / BUCKETS
        self._former: deque[tuple[int, int, int]] = deque()
        self.clear(now=now)

    def add(self, health: Health, *, began_at: float, now: float) -> None:
        """Count one attempt, which began at `began_at` and ended now."""
        self.forget(now=now)
        if health == "Up":
            self.up += 1
            self.row = 0
            self._row_began_at = now
        elif health == "Down":
            self.down += 1
            if not self.row:
                # From the beginning of the attempt: what hangs has failed all along. But not before the last success.
                self._row_began_at = max(began_at, self._row_began_at)
            self.row += 1
        else:
            self.unclear += 1

    def reached(self, *, percent: int, min_attempts: int) -> bool:
        """Tell whether so many failed. What is `Unclear` is a failure where nothing succeeded, else it is left out."""
        failed = self.down if self.up else self.down + self.unclear
        total = self.up + failed
        return total >= min_attempts and failed > 0 and failed * 100 >= percent * total

    def fails_in_a_row(self, *, min_attempts: int, now: float) -> bool:
        """Tell whether nothing but failures came for a tenth of the window, and so many of them are in the window."""
        # The number of the window too: a row that took hours says nothing that the share does not say.
        enough = self.row >= min_attempts and self.down >= min_attempts
        return enough and now - self._row_began_at >= self._width

    def clear(self, *, now: float) -> None:
        """Forget all."""
        self.row = 0
        self._row_began_at = now
        self._empty(now=now)

    def forget(self, *, now: float) -> None:
        """Let go of what is older than the window."""
        if now >= self._ends_at:
            self._turn(now)

    def _empty(self, *, now: float) -> None:
        self._former.clear()
        self._closed = (0, 0, 0)
        self._ends_at = now + self._width
        self.up = self.down = self.unclear = 0

    def _turn(self, now: float) -> None:
        steps = int((now - self._ends_at) // self._width) + 1
        if steps >= BUCKETS:
            self._empty(now=now)
            return
        up, down, unclear = self._closed
        self._former.append((self.up - up, self.down - down, self.unclear - unclear))
        self._former.extend([(0, 0, 0)] * (steps - 1))
        while len(self._former) >= BUCKETS:
            up, down, unclear = self._former.popleft()
            self.up, self.down, self.unclear = self.up - up, self.down - down, self.unclear - unclear
        self._closed = (self.up, self.down, self.unclear)
        self._ends_at += steps * self._width
