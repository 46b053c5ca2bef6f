"""What lies in a tray, and what one attempt takes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jethook_contract.event import CloudEvent


class Item:
    """One message in hand, as a tray sees it.

    `sequence`: the stream's. `key`: of ordering or merge, empty without. `attempts`: made so far, all of which failed;
    the lane raises it. `size`: bytes of the event as it is sent. `alone`: it is never to share an attempt with another
    one, as it may be what ends the process (`CrashLoop`). `event` is None where a tray does not need it. `payload` is
    the lane's own.
    """

    __slots__ = ("alone", "attempts", "event", "key", "payload", "sequence", "size")

    def __init__(
        self,
        *,
        sequence: int,
        key: str = "",
        attempts: int = 0,
        size: int = 0,
        alone: bool = False,
        event: CloudEvent | None = None,
        payload: object = None,
    ) -> None:
        self.sequence = sequence
        self.key = key
        self.attempts = attempts
        self.size = size
        self.alone = alone
        self.event = event
        self.payload = payload

    def __repr__(self) -> str:
        return f"Item(sequence={self.sequence}, attempts={self.attempts}, size={self.size})"


class Parcel(NamedTuple):
    """What one attempt carries.

    `items`: all that the attempt answers for, ascending by sequence. `sent`: those whose events are in the request.
    `batched`: it is written as a CloudEvents batch, also with one event.
    """

    items: tuple[Item, ...]
    sent: tuple[Item, ...]
    batched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A key whose head waits for another attempt.

    `item`: the head; of a merged window the one that is sent last. `at`: when the attempt is due (monotonic seconds);
    past, while the endpoint's limits hold it back. `waiting`: the events of the key in hand, the head included.
    """

    key: str
    item: Item
    at: float
    waiting: int
