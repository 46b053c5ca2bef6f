"""The tray of an ordered Subscription: for each key only the smallest outstanding sequence is tried (design section 6).

A key is ready (its head may be tried), in an attempt, or parked (its head has failed and waits). Keys whose head is
ready take turns in the order in which they became ready, so a key with many messages holds up no other.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict

from jethook_contract.errors import Bug
from jethook_dispatcher.core.tray_item import Item, Parcel, Parked
from jethook_dispatcher.core.tray_times import Deadlines

MAX_IN_HAND = 1000  # max_ack_pending of the consumer: a new owner must be able to hold all that the old one had
MAX_PARKED_LISTED = 10
_AT_ONCE = float("-inf")


class _Key:
    """The messages of one key: `heap` of (sequence, not before, item), and the one `trying` now.

    `failed`: the head has failed before, so the key waits; it stays true during the next attempt.
    """

    __slots__ = ("failed", "heap", "trying")

    def __init__(self) -> None:
        self.heap: list[tuple[int, float, Item]] = []
        self.trying: Item | None = None
        self.failed = False


class OrderedTray:
    """Hold heads and followers; a failed head comes back by `put_back` and its followers wait behind it."""

    __slots__ = ("_failed", "_keys", "_parked", "_ready", "_trying", "_waiting")

    keeps_failed = True

    def __init__(self) -> None:
        self._keys: dict[str, _Key] = {}
        self._ready: OrderedDict[str, None] = OrderedDict()
        self._parked = Deadlines()
        self._waiting = 0
        self._trying = 0
        self._failed = 0

    @property
    def waiting(self) -> int:
        """Count what is in hand and in no attempt."""
        return self._waiting

    @property
    def full(self) -> bool:
        """Tell whether all places are taken and each key's head has failed before (`KeyBlocked`).

        An attempt that repeats a failed head changes nothing in it until it succeeds.
        """
        return self._waiting + self._trying >= MAX_IN_HAND and self._failed == len(self._keys)

    @property
    def parked_count(self) -> int:
        """Count the keys whose head waits for another attempt."""
        return sum(key.failed and key.trying is None for key in self._keys.values())

    def room(self, *, ahead: int) -> int:
        """Give what is missing to `ahead` ready keys, within the places that are left.

        What comes may belong to keys that wait: then more is asked for, until all places are taken.
        """
        return max(0, min(ahead - len(self._ready), MAX_IN_HAND - self._waiting - self._trying))

    def add(self, item: Item, *, now: float) -> None:
        """Put a message in; one that belongs before the head of its key, and comes late, becomes the head."""
        key = self._keys.get(item.key)
        if key is None:
            key = self._keys[item.key] = _Key()
        self._waiting += 1
        heapq.heappush(key.heap, (item.sequence, _AT_ONCE, item))
        if key.trying is None and key.heap[0][2] is item:
            self._place(item.key, key=key, now=now)

    def take(self, *, now: float) -> Parcel | None:
        """Take the head of the key that has been ready for longest."""
        self._wake(now)
        if not self._ready:
            return None
        name, _ = self._ready.popitem(last=False)
        key = self._keys[name]
        _, _, item = heapq.heappop(key.heap)
        key.trying = item
        self._waiting -= 1
        self._trying += 1
        items = (item,)
        return Parcel(items, items, False)

    def finish(self, parcel: Parcel) -> None:
        """Let the head go; the next of its key is ready, behind the keys that are ready already."""
        name = parcel.items[0].key
        self._place(name, key=self._end(parcel), now=_AT_ONCE)

    def put_back(self, parcel: Parcel, *, at: float, now: float) -> None:
        """Park the head until `at`; a moment that has come already makes it ready again."""
        item = parcel.items[0]
        key = self._end(parcel)
        self._waiting += 1
        heapq.heappush(key.heap, (item.sequence, at, item))
        self._place(item.key, key=key, now=now)

    def next_at(self, *, now: float) -> float | None:
        """Give the moment at which the next parked head is due."""
        self._wake(now)
        return self._parked.soonest()

    def drain(self) -> list[Item]:
        """Let go of all that is in no attempt, ascending by sequence over all keys."""
        items = [item for key in self._keys.values() for _, _, item in key.heap]
        self._keys = {name: key for name, key in self._keys.items() if key.trying is not None}
        for key in self._keys.values():
            key.heap.clear()
        self._failed = sum(key.failed for key in self._keys.values())
        self._ready.clear()
        self._parked = Deadlines()
        self._waiting = 0
        return sorted(items, key=lambda item: item.sequence)

    def parked(self) -> list[Parked]:
        """List keys whose head waits for another attempt: the ten with the oldest heads, oldest first."""
        waiting = ((key.heap[0], name) for name, key in self._keys.items() if key.failed and key.trying is None)
        oldest = heapq.nsmallest(MAX_PARKED_LISTED, waiting, key=lambda found: found[0][0])
        return [
            Parked(key=name, item=item, at=at, waiting=len(self._keys[name].heap)) for (_, at, item), name in oldest
        ]

    def skip(self, key: str) -> Item | None:
        """Take out the head of a parked key, so that the next one is ready; None while it is being tried, too."""
        found = self._keys.get(key)
        if found is None or found.trying is not None or not found.failed:
            return None
        _, _, item = heapq.heappop(found.heap)
        self._waiting -= 1
        self._place(key, key=found, now=_AT_ONCE)
        return item

    def _end(self, parcel: Parcel) -> _Key:
        item = parcel.items[0]
        key = self._keys.get(item.key)
        if key is None or key.trying is not item:
            raise Bug("NotTaken", f"sequence {item.sequence} is in no attempt of this tray")
        key.trying = None
        self._trying -= 1
        return key

    def _place(self, name: str, *, key: _Key, now: float) -> None:
        """Put a key that is in no attempt where its head belongs, or forget it when it holds nothing."""
        self._parked.drop(name)
        self._failed -= key.failed
        if not key.heap:
            self._ready.pop(name, None)
            del self._keys[name]
            return
        _, at, head = key.heap[0]
        key.failed = head.attempts > 0
        self._failed += key.failed
        if at <= now:
            self._ready[name] = None  # one that is ready already keeps its turn
        else:
            self._ready.pop(name, None)
            self._parked.put(name, at=at)

    def _wake(self, now: float) -> None:
        while (name := self._parked.pop(by=now)) is not None:
            self._ready[name] = None
