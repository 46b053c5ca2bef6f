"""When ordering begins and ends, from what the consumer has out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.plan import ObjectId, PlanPart
from jethook_contract.selection import Batch, Merge, Ordering
from jethook_operator.core.grouping import Grouping, decide_grouping
from jethook_operator.core.observations import ObservedConsumer

PLAIN = Grouping()
ORDERED = Grouping(ordering=Ordering(key_from="event.subject"))
OTHER_KEY = Grouping(ordering=Ordering(key_from="event.id"))
BATCHED = Grouping(batch=Batch())
MERGED = Grouping(format="Data", merge=Merge(key_from="event.id", window_seconds=3))


def consumer(bound: int, out: int) -> ObservedConsumer:
    return ObservedConsumer(name="sub_all", filters=(), wanted=(), num_ack_pending=out, max_ack_pending=bound)


def part(grouping: Grouping) -> PlanPart:
    return PlanPart(
        namespace="shop",
        endpoint=ObjectId(name="orders"),
        subscription=ObjectId(name="all"),
        state="Active",
        stream="s",
        consumer="c",
        format=grouping.format,
        ordering=grouping.ordering,
        merge=grouping.merge,
        batch=grouping.batch,
    )


@pytest.mark.parametrize(
    ("wanted", "old", "bound", "out", "then"),
    [
        # what is wanted, what the part says, the consumer's bound and what is out -> part, first and last bound, again
        (PLAIN, PLAIN, 20_000, 20_000, (PLAIN, 20_000, 20_000, False)),
        (BATCHED, PLAIN, 20_000, 20_000, (BATCHED, 20_000, 20_000, False)),
        (PLAIN, ORDERED, 1_000, 1_000, (PLAIN, 1_000, 20_000, False)),
        (BATCHED, ORDERED, 1_000, 0, (BATCHED, 1_000, 20_000, False)),
        (PLAIN, PLAIN, 1_000, 0, (PLAIN, 1_000, 20_000, False)),
        (ORDERED, PLAIN, 20_000, 1_001, (PLAIN, 20_000, 20_000, False)),
        (ORDERED, BATCHED, 20_000, 1_001, (BATCHED, 20_000, 20_000, False)),
        (ORDERED, MERGED, 20_000, 1_001, (MERGED, 20_000, 20_000, False)),
        (ORDERED, None, 20_000, 1_001, (PLAIN, 20_000, 20_000, False)),
        (ORDERED, PLAIN, 20_000, 1_000, (PLAIN, 1_000, 1_000, True)),
        (ORDERED, PLAIN, 1_000, 1_001, (PLAIN, 1_000, 1_000, False)),
        (ORDERED, PLAIN, 1_000, 1_000, (ORDERED, 1_000, 1_000, False)),
        (ORDERED, ORDERED, 1_000, 1_000, (ORDERED, 1_000, 1_000, False)),
        (OTHER_KEY, ORDERED, 1_000, 1_000, (OTHER_KEY, 1_000, 1_000, False)),
        # somebody raised the consumer of an ordered part
        (ORDERED, ORDERED, 20_000, 1_001, (PLAIN, 20_000, 20_000, False)),
    ],
)
def test_part_and_bound_follow_what_is_out(
    wanted: Grouping, old: Grouping | None, bound: int, out: int, then: tuple[Grouping, int, int, bool]
) -> None:
    parts = () if old is None else (part(old),)
    decision = decide_grouping(wanted, consumer=consumer(bound, out), parts=parts)
    said = (decision.grouping, decision.first_max_ack_pending, decision.max_ack_pending, decision.look_again)
    assert said == then
    assert (decision.waits is None) is (decision.grouping == wanted)


@pytest.mark.parametrize(("wanted", "bound"), [(PLAIN, 20_000), (ORDERED, 1_000)])
def test_a_new_consumer_starts_as_wanted(wanted: Grouping, bound: int) -> None:
    decision = decide_grouping(wanted, consumer=None, parts=())
    assert (decision.grouping, decision.first_max_ack_pending, decision.max_ack_pending) == (wanted, bound, bound)


class Lane:
    """Consumer and part through changes of the spec, with an operator that may end after each write."""

    def __init__(self) -> None:
        self.bound, self.out, self.part = 20_000, 0, part(PLAIN)

    def deliver(self, events: int) -> None:
        """Hand out more, or have some acknowledged; the server gives out nothing beyond its bound."""
        room = max(self.bound - self.out, 0)
        self.out = max(self.out + min(events, room), 0)

    def reconcile(self, wanted: Grouping, *, between: int, writes: int) -> None:
        """Decide, then write at most so many of the three things; `between`: events given out before the first."""
        decision = decide_grouping(wanted, consumer=consumer(self.bound, self.out), parts=(self.part,))
        self.deliver(between)
        before = self.part.ordering
        if writes > 0:
            self.bound = decision.first_max_ack_pending
            self.check()
        if writes > 1:
            self.part = part(decision.grouping)
            if before is None and self.part.ordering is not None:
                assert self.out <= 1_000, "an ordered lane starts with a place for each event that is out"
            self.check()
        if writes > 2:
            self.bound = decision.max_ack_pending
            self.check()

    def check(self) -> None:
        assert self.part.ordering is None or self.bound == 1_000


AMOUNTS = st.sampled_from([-20_000, -900, -1, 0, 1, 900, 1_100, 20_000])
STEPS = st.tuples(st.sampled_from([PLAIN, ORDERED, OTHER_KEY, BATCHED]), AMOUNTS, AMOUNTS, st.integers(0, 3))


@given(steps=st.lists(STEPS, max_size=20))
def test_a_part_says_ordering_only_while_the_consumer_fits(steps: list[tuple[Grouping, int, int, int]]) -> None:
    lane = Lane()
    for wanted, delivered, between, writes in steps:
        lane.deliver(delivered)
        lane.reconcile(wanted, between=between, writes=writes)


@given(steps=st.lists(STEPS, max_size=20))
def test_ordering_begins_once_all_was_acknowledged(steps: list[tuple[Grouping, int, int, int]]) -> None:
    lane = Lane()
    for wanted, delivered, between, writes in steps:
        lane.deliver(delivered)
        lane.reconcile(wanted, between=between, writes=writes)
    lane.deliver(-20_000)
    for _ in range(2):
        lane.reconcile(ORDERED, between=0, writes=3)
    assert lane.part.ordering == ORDERED.ordering
