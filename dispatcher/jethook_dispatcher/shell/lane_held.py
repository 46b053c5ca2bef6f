"""The messages that a subscription of a lane holds, and the bytes that all lanes hold together."""

from __future__ import annotations

from collections.abc import Iterator

from nats.aio.msg import Msg

from jethook_dispatcher.core.lane_reply import Handed
from jethook_dispatcher.shell.lane_grant import Grant


class Held:
    """One message in hand.

    `touched_at`: when the server last heard of it (monotonic seconds). `started`: its attempt has begun, or it is on
    its way to the dead letters.
    """

    __slots__ = ("grant", "handed", "message", "started", "touched_at")

    def __init__(self, message: Msg, *, handed: Handed, grant: Grant, now: float) -> None:
        self.message = message
        self.handed = handed
        self.grant = grant
        self.touched_at = now
        self.started = False


class ByteBudget:
    """Count the bytes that the lanes of a process hold; new ones are asked for only below `limit`."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    @property
    def room(self) -> int:
        """Give the bytes that may still come; 0 or less for none."""
        return self.limit - self.used

    @property
    def overrun(self) -> bool:
        """Tell whether what was asked for before the limit was reached has brought as much again."""
        return self.used >= 2 * self.limit


class Holding:
    """All that one subscription holds, by stream sequence; what of it is tried when is the tray's to say."""

    __slots__ = ("_budget", "_by_sequence", "bytes")

    def __init__(self, budget: ByteBudget) -> None:
        self.bytes = 0
        self._budget = budget
        self._by_sequence: dict[int, Held] = {}

    def __len__(self) -> int:
        return len(self._by_sequence)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._by_sequence.values())

    @property
    def started(self) -> int:
        """Count what has begun and is not done."""
        return sum(held.started for held in self)

    def add(self, held: Held) -> bool:
        """Take a message; False when its sequence is in hand already and the new copy is to be ignored."""
        if held.handed.sequence in self._by_sequence:
            return False
        self._by_sequence[held.handed.sequence] = held
        self._budget.used += len(held.message.data)
        self.bytes += len(held.message.data)
        return True

    def drop(self, held: Held) -> None:
        """Let go of a message."""
        if self._by_sequence.get(held.handed.sequence) is held:
            del self._by_sequence[held.handed.sequence]
            self._budget.used -= len(held.message.data)
            self.bytes -= len(held.message.data)
