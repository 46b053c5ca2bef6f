"""The tray of a Subscription without order, merge and batch: first come, first tried, each alone. The hot path."""

from __future__ import annotations

from collections import deque

from jethook_contract.errors import Bug
from jethook_dispatcher.core.tray_item import Item, Parcel, Parked


class PlainTray:
    """Give each message as a parcel of its own; a failed one is nak'd by the lane and comes again."""

    __slots__ = ("_items",)

    keeps_failed = False
    full = False
    parked_count = 0

    def __init__(self) -> None:
        self._items: deque[Item] = deque()

    @property
    def waiting(self) -> int:
        """Count what is in hand and in no attempt."""
        return len(self._items)

    def room(self, *, ahead: int) -> int:
        """Give what is missing to `ahead` messages."""
        return max(0, ahead - len(self._items))

    def add(self, item: Item, *, now: float) -> None:  # noqa: ARG002 -- the time matters to other trays
        """Put a message behind the others."""
        self._items.append(item)

    def take(self, *, now: float) -> Parcel | None:  # noqa: ARG002 -- as above
        """Give the message that came first."""
        if not self._items:
            return None
        items = (self._items.popleft(),)
        return Parcel(items, items, False)

    def finish(self, parcel: Parcel) -> None:
        """Do nothing: what was taken is not remembered."""

    def put_back(self, parcel: Parcel, *, at: float, now: float) -> None:  # noqa: ARG002 -- never to be called
        """Raise Bug: a failed message is nak'd."""
        raise Bug("NotKept", f"a plain tray keeps no failed message (sequence {parcel.items[0].sequence}): nak it")

    def next_at(self, *, now: float) -> float | None:  # noqa: ARG002 -- as above
        """Give None: what is in hand is ready."""
        return None

    def drain(self) -> list[Item]:
        """Let go of all that is in no attempt, ascending by sequence."""
        items = sorted(self._items, key=lambda item: item.sequence)
        self._items.clear()
        return items

    def parked(self) -> list[Parked]:
        """Give nothing: there are no keys."""
        return []

    def skip(self, key: str) -> Item | None:  # noqa: ARG002 -- there are no keys
        """Give None: there are no keys."""
        return None
