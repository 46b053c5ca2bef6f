"""Filters of a consumer: widened at once, narrowed only when nothing waits of what was removed (design section 4).

NATS destroys what waits of a removed filter the moment it is removed. So a removed one stays in the consumer as
*retired* with the stream's last sequence of that moment, until all up to there is acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jethook_contract.errors import Waiting
from jethook_contract.plan import RetiredType
from jethook_contract.subjects import covers
from jethook_operator.core.observations import ObservedConsumer

MAX_RETIRED = 32  # they lie in the consumer's metadata, which has a bound, and many filters make a consumer slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a consumer shall have: `subjects` = `wanted` and what of `retired` they do not cover."""

    wanted: tuple[str, ...]
    retired: tuple[RetiredType, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """Give the consumer's filter subjects, sorted; none covers another, which NATS would refuse (10138)."""
        every = {*self.wanted, *(one.filter_subject for one in self.retired)}
        return tuple(sorted(one for one in every if not _covered(one, by=every - {one})))


def removed(consumer: ObservedConsumer, *, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """List what the Subscription wanted before and no longer does; to retire it, the stream's last sequence is due."""
    return tuple(one for one in consumer.wanted if not _covered(one, by=wanted))


def settled(consumer: ObservedConsumer, *, wanted: tuple[str, ...], uid: str) -> bool:
    """Tell whether there is nothing to do about a consumer, so that an older look at it is good enough."""
    return consumer.wanted == wanted and consumer.uid == uid and not consumer.retired and not consumer.orphaned_at


def decide_filters(consumer: ObservedConsumer | None, *, wanted: tuple[str, ...], last_sequence: int) -> Filters:
    """Decide on the filters of a consumer; `last_sequence` is the stream's, read after the change was seen.

    Raises Waiting when more than `MAX_RETIRED` removed types still have events: all stays as it is.

    A retired type that is wanted again is retired no more. One that is retired now stays until the next look at
    least, since the consumer's counts are older than `last_sequence`.
    """
    if consumer is None:
        return Filters(wanted=wanted)
    kept = {one.filter_subject: one for one in consumer.retired if not _done(one, consumer=consumer)}
    kept |= {
        one: RetiredType(filter_subject=one, last_sequence=last_sequence) for one in removed(consumer, wanted=wanted)
    }
    retired = tuple(kept[subject] for subject in sorted(kept) if not _covered(subject, by=wanted))
    if len(retired) > MAX_RETIRED:
        text = f"spec.eventTypes: events of {len(retired)} removed types still wait; change it again when they are gone"
        raise Waiting("RetiredTypesWaiting", text)
    return Filters(wanted=wanted, retired=retired)


def _done(retired: RetiredType, *, consumer: ObservedConsumer) -> bool:
    idle = consumer.num_pending == 0 and consumer.num_ack_pending == 0
    return idle or consumer.ack_floor >= retired.last_sequence


def _covered(subject: str, *, by: Iterable[str]) -> bool:
    return any(covers(other, subject) for other in by)
