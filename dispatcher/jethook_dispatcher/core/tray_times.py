"""The keys that become ready by themselves, by the moment at which they do."""

from __future__ import annotations

import heapq

_SLACK = 64


class Deadlines:
    """At most one moment for each key; all operations are O(log n), amortised.

    An entry that was dropped stays in the heap until it comes up, or until such entries are the majority.
    """

    __slots__ = ("_heap", "_live", "_number")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, str]] = []
        self._live: dict[str, tuple[float, int]] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, key: str) -> bool:
        return key in self._live

    def put(self, key: str, *, at: float) -> None:
        """Set the moment of a key, in place of the one that it had."""
        self._number += 1
        self._live[key] = (at, self._number)
        heapq.heappush(self._heap, (at, self._number, key))
        if len(self._heap) > 2 * len(self._live) + _SLACK:
            self._heap = [(at, number, key) for key, (at, number) in self._live.items()]
            heapq.heapify(self._heap)

    def drop(self, key: str) -> None:
        """Forget a key, which need not be there."""
        self._live.pop(key, None)

    def soonest(self) -> float | None:
        """Give the soonest moment; None when there is no key."""
        while self._heap:
            at, number, key = self._heap[0]
            if self._live.get(key) == (at, number):
                return at
            heapq.heappop(self._heap)
        return None

    def pop(self, *, by: float | None = None) -> str | None:
        """Take out the key whose moment is the soonest; None when there is none, or none `by` that moment."""
        soonest = self.soonest()
        if soonest is None or (by is not None and soonest > by):
            return None
        _, _, key = heapq.heappop(self._heap)
        del self._live[key]
        return key
