"""What the last attempts at one target brought: ten buckets over the breaker's window, whatever the traffic."""

from __future__ import annotations

from collections import deque

from jethook_dispatcher.core.answers import Health

BUCKETS = 10


class BreakerWindow:
    """Count attempts by what they say of the receiver; times are monotonic seconds.

    A bucket is forgotten as a whole, so the window is between nine tenths of `seconds` and `seconds`.
    """

    __slots__ = ("_closed", "_ends_at", "_former", "_width", "down", "unclear", "up")

    def __init__(self, *, seconds: float, now: float) -> None:
        self._width = seconds / BUCKETS
        self._former: deque[tuple[int, int, int]] = deque()
        self.clear(now=now)

    def add(self, health: Health, *, now: float) -> None:
        """Count one attempt."""
        self.forget(now=now)
        if health == "Up":
            self.up += 1
        elif health == "Down":
            self.down += 1
        else:
            self.unclear += 1

    def reached(self, *, percent: int, min_attempts: int) -> bool:
        """Tell whether so many failed. What is `Unclear` is a failure where nothing succeeded, else it is left out."""
        failed = self.down if self.up else self.down + self.unclear
        total = self.up + failed
        return total >= min_attempts and failed > 0 and failed * 100 >= percent * total

    def clear(self, *, now: float) -> None:
        """Forget all."""
        self._former.clear()
        self._closed = (0, 0, 0)
        self._ends_at = now + self._width
        self.up = self.down = self.unclear = 0

    def forget(self, *, now: float) -> None:
        """Let go of what is older than the window."""
        if now >= self._ends_at:
            self._turn(now)

    def _turn(self, now: float) -> None:
        steps = int((now - self._ends_at) // self._width) + 1
        if steps >= BUCKETS:
            self.clear(now=now)
            return
        up, down, unclear = self._closed
        self._former.append((self.up - up, self.down - down, self.unclear - unclear))
        self._former.extend([(0, 0, 0)] * (steps - 1))
        while len(self._former) >= BUCKETS:
            up, down, unclear = self._former.popleft()
            self.up, self.down, self.unclear = self.up - up, self.down - down, self.unclear - unclear
        self._closed = (self.up, self.down, self.unclear)
        self._ends_at += steps * self._width
