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
