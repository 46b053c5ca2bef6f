"""The tray of a Subscription with `batch`: events go together as soon as one bound is reached (design section 6).

Events share a parcel only with events of as many attempts. After the second failure the bounds are halved, and again
after each further one; before its last attempt an event is sent alone. So one bad event does not take others with it.
"""

from __future__ import annotations

from collections import deque

from jethook_contract.errors import Bug
from jethook_contract.selection import Batch
from jethook_dispatcher.core.tray_item import Item, Parcel, Parked

_BRACKETS = 2
_COMMA = 1


class _Group:
    """Events of as many attempts that wait for company; `bytes`: of the batch that they make."""

    __slots__ = ("bytes", "items", "ready_at")

    def __init__(self, *, ready_at: float) -> None:
        self.items: list[Item] = []
        self.bytes = _BRACKETS - _COMMA
        self.ready_at = ready_at

    def add(self, item: Item) -> None:
        self.items.append(item)
        self.bytes += _COMMA + item.size


class BatchTray:
    """Fill parcels in the order of arrival; a failed one is nak'd by the lane, and its events come again one by one."""

    __slots__ = ("_batch", "_groups", "_max_attempts", "_ready", "_waiting")

    keeps_failed = False
    full = False
    parked_count = 0

    def __init__(self, batch: Batch, *, max_attempts: int) -> None:
        self._batch = batch
        self._max_attempts = max_attempts
        self._groups: dict[int, _Group] = {}
        self._ready: deque[_Group] = deque()
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Count what is in hand and in no attempt."""
        return self._waiting

    def room(self, *, ahead: int) -> int:
        """Give what fills `ahead` parcels, beside those that are ready."""
        filling = sum(len(group.items) for group in self._groups.values())
        return max(0, (ahead - len(self._ready)) * self._batch.max_events - filling)

    def add(self, item: Item, *, now: float) -> None:
        """Put a message to those of as many attempts; what it would make too large goes before it."""
        self._waiting += 1
        max_events, max_bytes = batch_bounds(self._batch, failures=item.attempts, max_attempts=self._max_attempts)
        if item.alone or max_events == 1:
            group = _Group(ready_at=now)
            group.add(item)
            self._ready.append(group)
            return
        group = self._group(item, max_bytes=max_bytes, now=now)
        group.add(item)
        if len(group.items) >= max_events or group.bytes >= max_bytes:
            self._close(item.attempts)

    def take(self, *, now: float) -> Parcel | None:
        """Take the parcel that has been ready for longest."""
        self._wake(now)
        if not self._ready:
            return None
        group = self._ready.popleft()
        self._waiting -= len(group.items)
        items = tuple(sorted(group.items, key=lambda item: item.sequence))
        return Parcel(items, items, True)

    def finish(self, parcel: Parcel) -> None:
        """Do nothing: what was taken is not remembered."""

    def put_back(self, parcel: Parcel, *, at: float, now: float) -> None:  # noqa: ARG002 -- never to be called
        """Raise Bug: failed messages are nak'd."""
        raise Bug("NotKept", f"a batch tray keeps no failed message (sequence {parcel.items[0].sequence}): nak it")

    def next_at(self, *, now: float) -> float | None:
        """Give the moment at which the next parcel has waited long enough."""
        self._wake(now)
        return min((group.ready_at for group in self._groups.values()), default=None)

    def drain(self) -> list[Item]:
        """Let go of all that is in no attempt, ascending by sequence."""
        items = [item for group in (*self._ready, *self._groups.values()) for item in group.items]
        self._ready.clear()
        self._groups.clear()
        self._waiting = 0
        return sorted(items, key=lambda item: item.sequence)

    def parked(self) -> list[Parked]:
        """Give nothing: there are no keys."""
        return []

    def skip(self, key: str) -> Item | None:  # noqa: ARG002 -- there are no keys
        """Give None: there are no keys."""
        return None

    def _group(self, item: Item, *, max_bytes: int, now: float) -> _Group:
        """Give the group that the item fits into."""
        group = self._groups.get(item.attempts)
        if group is not None and group.bytes + _COMMA + item.size > max_bytes:
            self._close(item.attempts)
            group = None
        if group is None:
            group = _Group(ready_at=now + self._batch.max_wait_milliseconds / 1000)
            self._groups[item.attempts] = group
        return group

    def _close(self, attempts: int) -> None:
        self._ready.append(self._groups.pop(attempts))

    def _wake(self, now: float) -> None:
        """Close what has waited long enough; there are fewer groups than attempts, so to look at each is cheap."""
        due = [(group.ready_at, attempts) for attempts, group in self._groups.items() if group.ready_at <= now]
        for _, attempts in sorted(due):
            self._close(attempts)


def batch_bounds(batch: Batch, *, failures: int, max_attempts: int) -> tuple[int, int]:
    """Give the events and bytes that a parcel may have whose events have failed that often; at least one event.

    Where one attempt is all there is, it is made in full batches.
    """
    if failures and failures >= max_attempts - 1:
        return 1, batch.max_bytes
    halvings = max(0, failures - 1)
    return max(1, batch.max_events >> halvings), batch.max_bytes >> halvings
