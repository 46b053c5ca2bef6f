"""The largest and the smallest of what was wanted within a time, remembered in little room.

A value that a later one outdoes can never be the extreme again, so it is let go at once (a monotonic queue). What is
left rises or falls strictly: it has at most as many entries as there are different values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Entry = tuple[float, int]
"""When, in monotonic seconds, and what."""


@dataclass(frozen=True, slots=True)
class Highest:
    """The largest value within a time."""

    entries: tuple[Entry, ...] = ()

    def add(self, value: int, *, now: float, seconds: float) -> Highest:
        """Take a value in and forget what is older than `seconds`."""
        return Highest(_added(self.entries, value, now=now, seconds=seconds, outdone=lambda old: old <= value))

    @property
    def value(self) -> int:
        """Give it; raises IndexError before the first `add`."""
        return self.entries[0][1]


@dataclass(frozen=True, slots=True)
class Lowest:
    """The smallest value within a time."""

    entries: tuple[Entry, ...] = ()

    def add(self, value: int, *, now: float, seconds: float) -> Lowest:
        """Take a value in and forget what is older than `seconds`."""
        return Lowest(_added(self.entries, value, now=now, seconds=seconds, outdone=lambda old: old >= value))

    @property
    def value(self) -> int:
        """Give it; raises IndexError before the first `add`."""
        return self.entries[0][1]


def _added(
    entries: tuple[Entry, ...], value: int, *, now: float, seconds: float, outdone: Callable[[int], bool]
) -> tuple[Entry, ...]:
    kept = [(at, old) for at, old in entries if now - at <= seconds and not outdone(old)]
    return (*kept, (now, value))
