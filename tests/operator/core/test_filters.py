"""A filter is only widened by an update; narrowing waits."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.plan import PlanPart, RetiredType
from jethook_contract.subjects import covers, filter_subjects, matches
from jethook_operator.core.filters import Filters, decide_filters, settled
from jethook_operator.core.observations import ObservedConsumer


def wanted(*types: str) -> tuple[str, ...]:
    return filter_subjects("shop", types, "all")


def subject(event_type: str) -> str:
    return f"jethook.events.shop.{event_type}"


def retired(event_type: str, last_sequence: int) -> RetiredType:
    return RetiredType(filter_subject=subject(event_type), last_sequence=last_sequence)


def consumer(
    *types: str, retired: Sequence[RetiredType] = (), ack_floor: int = 0, pending: int = 1, ack_pending: int = 0
) -> ObservedConsumer:
    filters = Filters(wanted=wanted(*types), retired=tuple(retired))
    return ObservedConsumer(
        name="sub_all",
        filters=filters.subjects,
        wanted=filters.wanted,
        retired=filters.retired,
        ack_floor=ack_floor,
        num_pending=pending,
        num_ack_pending=ack_pending,
    )


def test_a_new_consumer_gets_what_is_wanted() -> None:
    assert decide_filters(None, wanted=wanted("a.b"), last_sequence=7) == Filters(wanted=wanted("a.b"))


def test_a_removed_type_stays_in_the_filter_as_retired() -> None:
    filters = decide_filters(consumer("a", "b"), wanted=wanted("a"), last_sequence=7)
    assert filters.retired == (retired("b", 7),)
    assert filters.subjects == wanted("a", "b")


def test_a_type_is_not_dropped_in_the_same_look_that_retires_it() -> None:
    filters = decide_filters(consumer("a", "b", pending=0), wanted=wanted("a"), last_sequence=7)
    assert filters.retired == (retired("b", 7),)


@pytest.mark.parametrize(
    ("ack_floor", "pending", "ack_pending", "kept"),
    [(6, 1, 0, True), (6, 0, 1, True), (6, 0, 0, False), (7, 1, 1, False), (8, 5, 5, False)],
)
def test_a_retired_type_goes_when_the_floor_has_passed_it_or_nothing_is_pending(
    ack_floor: int,
    pending: int,
    ack_pending: int,
    kept: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    seen = consumer("a", retired=[retired("b", 7)], ack_floor=ack_floor, pending=pending, ack_pending=ack_pending)
    assert bool(decide_filters(seen, wanted=wanted("a"), last_sequence=50).retired) is kept


def test_a_repaired_typo_is_wanted_again_and_retired_no_more() -> None:
    seen = consumer("oders.made", retired=[retired("orders.made", 7)])
    filters = decide_filters(seen, wanted=wanted("orders.made"), last_sequence=9)
    assert filters.retired == (retired("oders.made", 9),)
    assert filters.subjects == wanted("oders.made", "orders.made")


def test_a_filter_that_a_new_one_covers_is_a_widening() -> None:
    filters = decide_filters(consumer("a.b"), wanted=wanted("a.*"), last_sequence=7)
    assert filters == Filters(wanted=wanted("a.*"))


def test_a_filter_that_covers_the_new_one_stays_alone_in_the_consumer() -> None:
    filters = decide_filters(consumer("a.**"), wanted=wanted("a.b"), last_sequence=7)
    assert filters.retired == (retired("a.>", 7),)
    assert filters.subjects == wanted("a.**")


def test_what_was_wanted_under_a_wider_retired_filter_is_retired_too() -> None:
    seen = consumer("a.b", retired=[retired("a.>", 7)])
    filters = decide_filters(seen, wanted=wanted("a.c"), last_sequence=20)
    assert filters.retired == (retired("a.>", 7), retired("a.b", 20))
    assert filters.subjects == wanted("a.**")


def test_a_settled_consumer_needs_no_second_look() -> None:
    assert settled(consumer("a"), wanted=wanted("a"), uid="")
    assert not settled(consumer("a"), wanted=wanted("a"), uid="another")
    assert not settled(consumer("a"), wanted=wanted("b"), uid="")
    assert not settled(consumer("a", retired=[retired("b", 1)]), wanted=wanted("a"), uid="")


TYPES = st.lists(st.sampled_from(["a", "a.b", "a.*", "a.**", "a.b.c", "*.b", "b", "**"]), min_size=1, max_size=4)


@given(changes=st.lists(TYPES, min_size=1, max_size=6))
def test_no_update_narrows_while_something_waits(changes: list[list[str]]) -> None:
    """Whatever was wanted once, and waits, is still in the filter; and no filter covers another."""
    seen = consumer(*changes[0])
    for step, types in enumerate(changes[1:], 1):
        filters = decide_filters(seen, wanted=wanted(*types), last_sequence=step)
        for old in seen.filters:
            assert any(covers(new, old) for new in filters.subjects)
        for one in filters.subjects:
            assert not any(covers(other, one) for other in filters.subjects if other != one)
        seen = ObservedConsumer(
            name="sub_all", filters=filters.subjects, wanted=filters.wanted, retired=filters.retired, num_pending=1
        )


@given(changes=st.lists(TYPES, min_size=1, max_size=6), event=st.sampled_from(["a", "a.b", "a.b.c", "b", "a.c", "x.b"]))
def test_an_event_that_was_wanted_when_it_was_published_is_sent(changes: list[list[str]], event: str) -> None:
    """Sequence n is published while the n-th list of types counts; later changes do not unwant it."""
    published: list[tuple[int, bool]] = []
    seen: ObservedConsumer | None = None
    for step, types in enumerate(changes, 1):
        filters = decide_filters(seen, wanted=wanted(*types), last_sequence=step - 1)
        published.append((step, any(matches(one, subject(event)) for one in filters.wanted)))
        seen = ObservedConsumer(
            name="sub_all", filters=filters.subjects, wanted=filters.wanted, retired=filters.retired, num_pending=1
        )
        part = _part(filters)
        for sequence, was_wanted in published:
            if was_wanted:
                assert part.wants(subject(event), sequence=sequence)


def test_a_later_event_of_a_retired_type_is_not_wanted() -> None:
    part = _part(Filters(wanted=wanted("a"), retired=(retired("b", 7),)))
    assert part.wants(subject("b"), sequence=7)
    assert not part.wants(subject("b"), sequence=8)
    assert part.wants(subject("a"), sequence=8)
    assert part.wants(subject("c"), sequence=8), "the consumer is wider than this part: a newer part is on its way"


def _part(filters: Filters) -> PlanPart:
    return PlanPart.model_validate(
        {
            "namespace": "shop",
            "endpoint": {"name": "orders"},
            "subscription": {"name": "all"},
            "state": "Active",
            "stream": "JETHOOK_EVENTS_shop",
            "consumer": "sub_all",
            "filters": filters.wanted,
            "retired": filters.retired,
        }
    )
