"""The right of a lane to work, for as long as its shard stays owned without a gap."""

from __future__ import annotations

from typing import Protocol


class Ownership(Protocol):
    """What a lane asks of the pool's membership (design section 6, Ownership)."""

    def may_start(self, shard: int) -> bool:
        """Tell whether an attempt for the shard may be started right now."""

    def holds(self, shard: int) -> bool:
        """Tell whether the shard's events may be given back, delayed or dead-lettered, and its records written."""


class Grant:
    """One stretch of ownership of one shard; once `end` was called it never allows anything again.

    A shard that is lost and gained anew gets another grant, so that what was pulled before the gap stays unused.
    """

    __slots__ = ("_ended", "_ownership", "_shard")

    def __init__(self, ownership: Ownership, *, shard: int) -> None:
        self._ownership = ownership
        self._shard = shard
        self._ended = False

    def may_start(self) -> bool:
        """Tell whether an attempt may be started right now."""
        return not self._ended and self._ownership.may_start(self._shard)

    def holds(self) -> bool:
        """Tell whether anything but a success may still be said about a message."""
        return not self._ended and self._ownership.holds(self._shard)

    def end(self) -> None:
        """End the stretch."""
        self._ended = True
