"""Whose status is written next: changes of condition before counters, endpoints before Subscriptions, oldest first."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

FAIR_EVERY = 32
"""Of so many that are taken one is the oldest of all, so that changes without end leave room for counters."""

_SPARE_ENTRIES = 64

Key = TypeVar("Key", bound=Hashable)
_Heap = list[tuple[float, int, Key]]


class Urgency(IntEnum):
    """What a write is for; the smaller goes first."""

    ENDPOINT_TURNED = 0
    SUBSCRIPTION_TURNED = 1
    COUNTERS = 2


@dataclass(frozen=True, slots=True)
class Place(Generic[Key]):
    """Where an object stands in the queue: from `at` on it may be taken, in monotonic seconds."""

    key: Key
    urgency: Urgency
    at: float


class WriteQueue(Generic[Key]):
    """Hold each object once, with the moment from which it may be written.

    Putting and taking cost O(log n); asking when nothing is due costs the same whatever is held.
    """

    def __init__(self) -> None:
        self._places: dict[Key, tuple[int, Place[Key]]] = {}
        self._later: _Heap[Key] = []
        self._due: dict[Urgency, _Heap[Key]] = {urgency: [] for urgency in Urgency}
        self._serial = 0
        self._taken = 0

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def keys(self) -> list[Key]:
        """Give all that wait, due or not."""
        return list(self._places)

    def put(self, key: Key, *, urgency: Urgency, at: float) -> None:
        """Let an object wait; one that waits already keeps its place, unless this one is more urgent or earlier."""
        known = self._places.get(key)
        if known is not None:
            before = known[1]
            if urgency > before.urgency or (urgency == before.urgency and at >= before.at):
                return
        self._serial += 1
        self._places[key] = (self._serial, Place(key, urgency, at))
        heappush(self._later, (at, self._serial, key))
        self._forget_former_places()

    def give_back(self, place: Place[Key], *, urgency: Urgency) -> None:
        """Undo a `take`: the object waits on where it stood, and a turn that was the oldest's is still to come."""
        self._taken -= 1
        self.put(place.key, urgency=urgency, at=place.at)

    def drop(self, key: Key) -> Place[Key] | None:
        """Forget an object, and give where it stood."""
        known = self._places.pop(key, None)
        return known[1] if known is not None else None

    def take(self, *, now: float) -> Place[Key] | None:
        """Take the next that is due; None when nothing is."""
        self._ripen(now)
        heads = [head for heap in self._due.values() if (head := self._head(heap)) is not None]
        if not heads:
            return None
        self._taken += 1
        fair = self._taken % FAIR_EVERY == 0
        place = min(heads, key=lambda head: head.at) if fair else heads[0]
        del self._places[place.key]
        return place

    def _ripen(self, now: float) -> None:
        """Move what has come due to those of its urgency."""
        while self._later and self._later[0][0] <= now:
            entry = heappop(self._later)
            if (place := self._place(entry)) is not None:
                heappush(self._due[place.urgency], entry)

    def _head(self, heap: _Heap[Key]) -> Place[Key] | None:
        while heap:
            if (place := self._place(heap[0])) is not None:
                return place
            heappop(heap)
        return None

    def _place(self, entry: tuple[float, int, Key]) -> Place[Key] | None:
        """Give the place that an entry stands for; None when its object was taken, dropped or moved since."""
        known = self._places.get(entry[2])
        return known[1] if known is not None and known[0] == entry[1] else None

    def _forget_former_places(self) -> None:
        """Keep the heaps in proportion to what is held, whatever moves."""
        heaps = (self._later, *self._due.values())
        if sum(map(len, heaps)) <= 2 * len(self._places) + _SPARE_ENTRIES:
            return
        for heap in heaps:
            heap[:] = [entry for entry in heap if self._place(entry) is not None]
            heapify(heap)
