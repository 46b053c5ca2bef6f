"""The clock: the only place of the lanes that reads the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Tell the time; a test gives another with the same methods."""

    @staticmethod
    def monotonic() -> float:
        """Give seconds of a clock that never goes back."""
        return time.monotonic()

    @staticmethod
    def unix_nanoseconds() -> int:
        """Give the wall clock in nanoseconds since 1970."""
        return time.time_ns()

    @staticmethod
    def now() -> datetime:
        """Give the wall clock as an aware UTC datetime."""
        return datetime.now(UTC)


class LoopLoad:
    """Measure how busy the thread of the event loop is."""

    def __init__(self) -> None:
        self._cpu = time.thread_time()
        self._wall = time.monotonic()

    def percent(self) -> int:
        """Give the busy share since the last call, 0 to 100."""
        cpu, wall = time.thread_time(), time.monotonic()
        share = (cpu - self._cpu) / (wall - self._wall) if wall > self._wall else 0.0
        self._cpu, self._wall = cpu, wall
        return max(0, min(100, round(100 * share)))
