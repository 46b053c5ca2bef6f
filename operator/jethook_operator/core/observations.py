"""What NATS holds now, as values: the shell reads them, decisions compare them with what is wanted."""

from __future__ import annotations

from dataclasses import dataclass

from jethook_contract.plan import PlanPart, RetiredType


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedStream:
    """The events stream of a namespace, as this install may use it."""

    name: str
    namespace_uid: str = ""
    orphaned_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedConsumer:
    """The consumer of a Subscription.

    `filters` are the consumer's filter subjects, `wanted` those that the spec wanted at the last update. `ack_floor` is
    a stream sequence, below which all is acknowledged. `num_ack_pending` events are out, those in back-off among them,
    at most `max_ack_pending`. `orphaned_at` is empty, or RFC 3339.
    """

    name: str
    filters: tuple[str, ...]
    wanted: tuple[str, ...]
    retired: tuple[RetiredType, ...] = ()
    uid: str = ""
    orphaned_at: str = ""
    ack_floor: int = 0
    num_pending: int = 0
    num_ack_pending: int = 0
    max_ack_pending: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a plan part lies: bucket of a pool, and key."""

    pool: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedPart:
    """A plan part where it lies."""

    place: Place
    part: PlanPart
