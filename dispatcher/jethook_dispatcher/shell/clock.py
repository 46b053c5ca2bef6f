"""The clock: the only place of the lanes that reads the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

NANOSECONDS = 1_000_000_000
_SCHEDSTAT = Path("/proc/thread-self/schedstat")


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
    """Measure how busy the thread of the event loop is; both methods are called in that thread."""

    def __init__(self) -> None:
        self._busy = busy_seconds()
        self._wall = time.monotonic()

    def percent(self) -> int:
        """Give the busy share since the last call, 0 to 100."""
        busy, wall = busy_seconds(), time.monotonic()
        share = (busy - self._busy) / (wall - self._wall) if wall > self._wall else 0.0
        self._busy, self._wall = busy, wall
        return max(0, min(100, round(100 * share)))


def busy_seconds() -> float:
    """Give for how long the calling thread has worked, or had work and waited for a CPU.

    CPU time alone would call a process half idle that its CPU limit, or a full machine, keeps from doing more. Where
    the kernel does not tell of the waiting it is CPU time. Source: /proc/<pid>/schedstat, Linux sched-stats.rst.
    """
    try:
        running, waiting, _ = _SCHEDSTAT.read_text().split()
    except (OSError, ValueError):
        return time.thread_time()
    return max(time.thread_time(), (int(running) + int(waiting)) / NANOSECONDS)
