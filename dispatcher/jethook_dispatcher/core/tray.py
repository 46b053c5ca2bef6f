"""How the messages in hand of a Subscription become attempts: one tray for each of its forms.

A lane adds what NATS hands out, takes a parcel for each attempt, and says what became of it. Every message that was
added leaves exactly once: by `finish`, `drain` or `skip`. A tray is for one Subscription, knows neither NATS nor HTTP,
and is told the time: all of `now` and `at` are monotonic seconds.
"""

from __future__ import annotations

from typing import Protocol

from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.retry import max_attempts
from jethook_dispatcher.core.tray_batch import BatchTray
from jethook_dispatcher.core.tray_item import Item, Parcel, Parked
from jethook_dispatcher.core.tray_merge import MergeTray
from jethook_dispatcher.core.tray_ordered import OrderedTray
from jethook_dispatcher.core.tray_plain import PlainTray

__all__ = ["Item", "Parcel", "Parked", "Tray", "make_tray"]


class Tray(Protocol):
    """What a lane may ask of any tray. No message is added while the same sequence is in hand."""

    @property
    def keeps_failed(self) -> bool:
        """Tell who keeps a failed parcel: the tray (True: `put_back`), or NATS (False: nak it, then `finish`)."""

    @property
    def waiting(self) -> int:
        """Count what is in hand and in no attempt, parked messages included."""

    @property
    def full(self) -> bool:
        """Tell whether every place is taken and no key can proceed (`KeyBlocked`)."""

    @property
    def parked_count(self) -> int:
        """Count the keys whose head waits for another attempt."""

    def room(self, *, ahead: int) -> int:
        """Say how many more messages are worth asking for, to have `ahead` parcels ready; 0 where `ahead` is 0."""

    def add(self, item: Item, *, now: float) -> None:
        """Put a message in."""

    def take(self, *, now: float) -> Parcel | None:
        """Take the next parcel that is ready; it is in an attempt until `finish` or `put_back`. None: nothing is."""

    def finish(self, parcel: Parcel) -> None:
        """Let go of a parcel that is answered for good: acked, terminated or nak'd."""

    def put_back(self, parcel: Parcel, *, at: float, now: float) -> None:
        """Keep a parcel for another attempt at `at`. Only where `keeps_failed`; Bug elsewhere."""

    def next_at(self, *, now: float) -> float | None:
        """Give the next moment after `now` at which something becomes ready by itself; None: nothing does.

        What is ready at `now` does not count: take it.
        """

    def drain(self) -> list[Item]:
        """Let go of all that is in no attempt, ascending by sequence."""

    def parked(self) -> list[Parked]:
        """List keys whose head waits for another attempt: the ten with the oldest heads."""

    def skip(self, key: str) -> Item | None:
        """Take out the head of a parked key, so that the next one moves up; None: no such key is parked."""


def make_tray(part: PlanPart) -> Tray:
    """Choose the tray that a Subscription's form asks for: at most one of ordering, merge and batch is set."""
    if part.ordering is not None:
        return OrderedTray()
    if part.merge is not None:
        return MergeTray(part.merge)
    if part.batch is not None:
        return BatchTray(part.batch, max_attempts=max_attempts(part.retry))
    return PlainTray()
