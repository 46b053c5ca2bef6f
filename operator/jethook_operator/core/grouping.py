"""How events go together: in order by key, merged, in batches, or each by itself; and when that may change.

An ordered lane starts when it holds all that its consumer has given out, so it needs a consumer that gives out no more
than the lane has places for: with 20,000 it would wait for ever (seen). So the part says `ordering` only while the
consumer's `max_ack_pending` is 1,000 and no more than that is out:

* on:  wait until no more than 1,000 are out; lower the consumer; look again, since more may have gone out meanwhile;
  then the part.
* off: the part; then raise the consumer.
"""

from __future__ import annotations

from dataclasses import dataclass

from jethook_contract.errors import Waiting
from jethook_contract.plan import Format, PlanPart
from jethook_contract.selection import Batch, Merge, Ordering
from jethook_operator.api.subscription import SubscriptionSpec
from jethook_operator.core.observations import ObservedConsumer

ORDERED_MAX_ACK_PENDING = 1_000  # the places of an ordered lane
MAX_ACK_PENDING = 20_000
WAITS_SECONDS = 5.0  # how soon to look again whether ordering fits

_WAITS = Waiting(
    "OrderingWaits",
    f"spec.ordering: it begins when at most {ORDERED_MAX_ACK_PENDING:,} events are at the endpoint or wait for another"
    " attempt; until then events are delivered as before; wait, or see why deliveries fail",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """How events go together; at most one of `ordering`, `merge`, `batch` is set. The last two bind the format."""

    format: Format = "Structured"
    ordering: Ordering | None = None
    merge: Merge | None = None
    batch: Batch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupingDecision:
    """What part and consumer shall say.

    `first_max_ack_pending` is the consumer's before the part is written, `max_ack_pending` its after that. `waits`
    says why the part still has the old grouping, None when it has the wanted one. `look_again` is true when the
    consumer is lowered: read it once more, and decide again.
    """

    grouping: Grouping
    first_max_ack_pending: int
    max_ack_pending: int
    waits: Waiting | None = None
    look_again: bool = False


def wanted_grouping(spec: SubscriptionSpec) -> Grouping:
    """Translate the spec."""
    return Grouping(
        format=spec.format,
        ordering=None if spec.ordering is None else Ordering(key_from=spec.ordering.key_from),
        merge=None if spec.merge is None else Merge(**dict(spec.merge)),
        batch=None if spec.batch is None else Batch(**dict(spec.batch)),
    )


def max_ack_pending(grouping: Grouping) -> int:
    """Give how many events a consumer may have out with this grouping."""
    return MAX_ACK_PENDING if grouping.ordering is None else ORDERED_MAX_ACK_PENDING


def decide_grouping(
    wanted: Grouping, *, consumer: ObservedConsumer | None, parts: tuple[PlanPart, ...]
) -> GroupingDecision:
    """Decide; `parts` are the Subscription's as they are, `consumer` as NATS says now when ordering begins."""
    bound = max_ack_pending(wanted)
    if consumer is None:
        return GroupingDecision(grouping=wanted, first_max_ack_pending=bound, max_ack_pending=bound)
    if wanted.ordering is None:
        first = min(bound, consumer.max_ack_pending)
        return GroupingDecision(grouping=wanted, first_max_ack_pending=first, max_ack_pending=bound)
    if not _fits(consumer, parts=parts):
        lowered = consumer.num_ack_pending <= bound
        kept = bound if lowered or consumer.max_ack_pending == bound else MAX_ACK_PENDING
        return GroupingDecision(
            grouping=_old(wanted, parts=parts),
            first_max_ack_pending=kept,
            max_ack_pending=kept,
            waits=_WAITS,
            look_again=lowered,
        )
    return GroupingDecision(grouping=wanted, first_max_ack_pending=bound, max_ack_pending=bound)


def ordered(parts: tuple[PlanPart, ...]) -> bool:
    """Tell whether every part says ordering, and there is one."""
    return bool(parts) and all(part.ordering is not None for part in parts)


def _fits(consumer: ObservedConsumer, *, parts: tuple[PlanPart, ...]) -> bool:
    if consumer.max_ack_pending != ORDERED_MAX_ACK_PENDING:
        return False
    return ordered(parts) or consumer.num_ack_pending <= ORDERED_MAX_ACK_PENDING


def _old(wanted: Grouping, *, parts: tuple[PlanPart, ...]) -> Grouping:
    """Give the grouping that goes on while ordering waits; what has a batch keeps its format."""
    for part in parts:
        if part.merge is not None or part.batch is not None:
            return Grouping(format=part.format, merge=part.merge, batch=part.batch)
    return Grouping(format=wanted.format)
