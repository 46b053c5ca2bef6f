"""The tray of a Subscription with `merge`: the events of a key within a window become one delivery (design section 3).

A window opens with the first event of its key and takes in what comes in `window_seconds`. The windows of a key are
sent one after the other, so an old state never arrives after a new one; keys do not wait for each other. A window
stands or falls as one: what fails is tried again as it was.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterable

from jethook_contract.errors import Bug
from jethook_contract.selection import Merge
from jethook_dispatcher.core.tray_item import Item, Parcel, Parked
from jethook_dispatcher.core.tray_times import Deadlines

MAX_IN_HAND = 1000
MAX_COLLECTED_BYTES = 1024 * 1024  # of one CloudEvents batch: what common receivers accept as a body
MAX_PARKED_LISTED = 10
_BRACKETS = 2
_COMMA = 1


class _Window:
    """Events of one key; `closes_at`: when it takes in no more; `again_at`: when it is repeated, None at first."""

    __slots__ = ("again_at", "bytes", "closed", "closes_at", "items")

    def __init__(self, item: Item, *, closes_at: float) -> None:
        self.items: list[Item] = []
        self.bytes = _BRACKETS - _COMMA
        self.closes_at = closes_at
        self.closed = item.alone
        self.again_at: float | None = None
        self.add(item)

    def add(self, item: Item) -> None:
        self.items.append(item)
        self.bytes += _COMMA + item.size

    @property
    def failed(self) -> bool:
        return self.again_at is not None or any(item.attempts for item in self.items)


class _Key:
    """The windows of one key, oldest first: only the first is sent, only the last takes in more."""

    __slots__ = ("trying", "windows")

    def __init__(self) -> None:
        self.windows: deque[_Window] = deque()
        self.trying = False


class MergeTray:
    """Gather windows by key. With 1,000 messages in hand and none ready, the oldest window closes early."""

    __slots__ = ("_keys", "_merge", "_open", "_parked", "_ready", "_trying", "_waiting")

    keeps_failed = True

    def __init__(self, merge: Merge) -> None:
        self._merge = merge
        self._keys: dict[str, _Key] = {}
        self._ready: OrderedDict[str, None] = OrderedDict()
        self._open = Deadlines()
        self._parked = Deadlines()
        self._waiting = 0
        self._trying = 0

    @property
    def waiting(self) -> int:
        """Count what is in hand and in no attempt."""
        return self._waiting

    @property
    def full(self) -> bool:
        """Tell whether all places are taken and each key's first window has failed before."""
        if self._waiting + self._trying < MAX_IN_HAND:
            return False
        return all(key.windows[0].failed for key in self._keys.values())

    @property
    def parked_count(self) -> int:
        """Count the keys whose first window waits for another attempt."""
        return sum(1 for _ in self._parked_keys())

    def room(self, *, ahead: int) -> int:
        """Give the places that are left: a window is worth the more the more it takes in."""
        return max(0, MAX_IN_HAND - self._waiting - self._trying) if ahead > 0 else 0

    def add(self, item: Item, *, now: float) -> None:
        """Put a message into the open window of its key, or open one."""
        key = self._keys.get(item.key)
        if key is None:
            key = self._keys[item.key] = _Key()
        self._waiting += 1
        window = key.windows[-1] if key.windows else None
        if window is not None and self._takes_in(window, item=item, now=now):
            window.add(item)
            return
        if window is not None and not window.closed:
            window.closed = True
            if len(key.windows) == 1:
                self._place(item.key, key=key)
        key.windows.append(_Window(item, closes_at=now + self._merge.window_seconds))
        if len(key.windows) == 1:
            self._place(item.key, key=key)

    def take(self, *, now: float) -> Parcel | None:
        """Take the window that has been ready for longest."""
        self._wake(now)
        if not self._ready:
            return None
        name, _ = self._ready.popitem(last=False)
        key = self._keys[name]
        window = key.windows[0]
        window.closed = True
        key.trying = True
        self._waiting -= len(window.items)
        self._trying += len(window.items)
        return self._parcel(window)

    def finish(self, parcel: Parcel) -> None:
        """Let a window go; the next one of its key is sent when it closes."""
        name, key = self._end(parcel)
        key.windows.popleft()
        self._place(name, key=key)

    def put_back(self, parcel: Parcel, *, at: float, now: float) -> None:
        """Keep a window as it is until `at`. Of its items those that `parcel` leaves out are gone."""
        name, key = self._end(parcel)
        window = key.windows[0]
        window.items = list(parcel.items)
        window.again_at = at
        self._waiting += len(window.items)
        self._place(name, key=key)
        self._wake(now)

    def next_at(self, *, now: float) -> float | None:
        """Give the moment at which the next window closes or is to be repeated."""
        self._wake(now)
        return min((at for at in (self._open.soonest(), self._parked.soonest()) if at is not None), default=None)

    def drain(self) -> list[Item]:
        """Let go of all that is in no attempt, ascending by sequence over all keys."""
        items: list[Item] = []
        for name, key in list(self._keys.items()):
            sent = [key.windows.popleft()] if key.trying else []
            items.extend(item for window in key.windows for item in window.items)
            key.windows = deque(sent)
            if not sent:
                del self._keys[name]
        self._ready.clear()
        self._open, self._parked = Deadlines(), Deadlines()
        self._waiting = 0
        return sorted(items, key=lambda item: item.sequence)

    def parked(self) -> list[Parked]:
        """List keys whose first window waits for another attempt: the ten with the oldest events, oldest first."""
        oldest = heapq.nsmallest(MAX_PARKED_LISTED, self._parked_keys(), key=lambda found: found[2].sequence)
        return [
            Parked(key=name, item=item, at=at, waiting=sum(len(window.items) for window in self._keys[name].windows))
            for name, at, item in oldest
        ]

    def skip(self, key: str) -> Item | None:  # noqa: ARG002 -- a window holds no other key up
        """Give None: only what is in order is skipped."""
        return None

    def _takes_in(self, window: _Window, *, item: Item, now: float) -> bool:
        if window.closed or item.alone or now >= window.closes_at:
            return False
        return self._merge.strategy == "Latest" or window.bytes + _COMMA + item.size <= MAX_COLLECTED_BYTES

    def _parcel(self, window: _Window) -> Parcel:
        items = tuple(sorted(window.items, key=lambda item: item.sequence))
        if self._merge.strategy == "Collect":
            return Parcel(items, items, True)
        return Parcel(items, items[-1:], False)

    def _end(self, parcel: Parcel) -> tuple[str, _Key]:
        name = parcel.items[0].key
        key = self._keys.get(name)
        if key is None or not key.trying or parcel.items[-1] not in key.windows[0].items:
            raise Bug("NotTaken", f"sequence {parcel.items[-1].sequence} is in no attempt of this tray")
        key.trying = False
        self._trying -= len(key.windows[0].items)
        return name, key

    def _place(self, name: str, *, key: _Key) -> None:
        """Put a key that is in no attempt where its first window belongs, or forget it when it has none."""
        self._open.drop(name)
        self._parked.drop(name)
        if not key.windows:
            del self._keys[name]
            return
        window = key.windows[0]
        if window.again_at is not None:
            self._parked.put(name, at=window.again_at)
        elif window.closed:
            self._ready[name] = None
        else:
            self._open.put(name, at=window.closes_at)

    def _wake(self, now: float) -> None:
        """Make ready what is due, and one window more where nothing is and no place is left."""
        for times in (self._open, self._parked):
            while (name := times.pop(by=now)) is not None:
                self._ready[name] = None
        if not self._ready and self._waiting + self._trying >= MAX_IN_HAND:
            name = self._open.pop()
            if name is not None:
                self._keys[name].windows[0].closed = True
                self._ready[name] = None

    def _parked_keys(self) -> Iterable[tuple[str, float, Item]]:
        """Give key, moment and last event of each first window that has failed and is in no attempt."""
        for name, key in self._keys.items():
            again_at = key.windows[0].again_at
            if again_at is not None and not key.trying:
                yield name, again_at, max(key.windows[0].items, key=lambda item: item.sequence)
