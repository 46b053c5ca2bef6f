"""What the tests of the trays share: items, and a tray driven to its end."""

from dataclasses import dataclass, field

from jethook_contract.plan import ObjectId, PlanPart
from jethook_contract.selection import Batch, Merge, Ordering
from jethook_dispatcher.core.tray import Item, Parcel, Tray, make_tray

PART = PlanPart(
    namespace="shop",
    endpoint=ObjectId(name="crm"),
    subscription=ObjectId(name="orders"),
    state="Active",
    stream="JETHOOK_EVENTS_shop",
    consumer="sub_orders",
)
ORDERED = PART.model_copy(update={"ordering": Ordering(key_from="event.subject")})


def batch_part(**bounds: int) -> PlanPart:
    return PART.model_copy(update={"batch": Batch(**bounds)})


def merge_part(strategy: str = "Latest", *, window_seconds: int = 10) -> PlanPart:
    merge = Merge(key_from="event.subject", window_seconds=window_seconds, strategy=strategy)
    return PART.model_copy(update={"merge": merge})


def item(sequence: int, key: str = "", *, attempts: int = 0, size: int = 10, alone: bool = False) -> Item:
    return Item(sequence=sequence, key=key, attempts=attempts, size=size, alone=alone)


def filled(part: PlanPart, *items: Item, now: float = 0.0) -> Tray:
    tray = make_tray(part)
    for one in items:
        tray.add(one, now=now)
    return tray


def taken(tray: Tray, *, now: float) -> Parcel:
    """Take what must be ready."""
    parcel = tray.take(now=now)
    assert parcel is not None
    return parcel


def sequences(parcel: Parcel | None) -> list[int] | None:
    return None if parcel is None else [one.sequence for one in parcel.items]


def fail(tray: Tray, parcel: Parcel, *, at: float, now: float) -> None:
    """Do what the lane does after a failed attempt of a tray that keeps what failed."""
    for one in parcel.items:
        one.attempts += 1
    tray.put_back(parcel, at=at, now=now)


@dataclass
class Ledger:
    """Count how often each sequence went in and came out."""

    into: list[int] = field(default_factory=list)
    out: list[int] = field(default_factory=list)

    def check_empty(self) -> None:
        assert sorted(self.out) == sorted(self.into), "each item leaves exactly once"
