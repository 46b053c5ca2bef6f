"""What happens to things whose objects are gone, in all combinations."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from jethook_operator.core.observations import Place
from jethook_operator.core.orphans import OrphanDecision, OrphanInputs, Owned, decide_orphans

NOW = datetime(2026, 11, 24, tzinfo=UTC)
GRACE = timedelta(hours=24)
LONG_AGO = NOW - GRACE


def owned(number: int) -> Owned:
    return Owned("shop", f"sub{number}")


def decide(
    *found: tuple[Owned, datetime | None], alive: frozenset[Owned] = frozenset(), parts: tuple[Owned, ...] = ()
) -> OrphanDecision:
    places = tuple((one, Place(pool="default", key=f"shop.orders.{one.name}")) for one in parts)
    return decide_orphans(OrphanInputs(now=NOW, grace=GRACE, hold_percent=20, alive=alive, found=found, parts=places))


def test_a_new_orphan_is_marked_and_not_removed() -> None:
    assert decide((owned(1), None)) == OrphanDecision(mark=(owned(1),))


def test_an_orphan_is_removed_when_the_grace_is_over() -> None:
    assert decide((owned(1), LONG_AGO)) == OrphanDecision(remove=(owned(1),))
    assert decide((owned(1), LONG_AGO + timedelta(seconds=1))) == OrphanDecision()


def test_an_orphan_whose_object_is_back_is_adopted() -> None:
    assert decide((owned(1), LONG_AGO), alive=frozenset({owned(1)})) == OrphanDecision(adopt=(owned(1),))


def test_a_plan_part_without_its_object_goes_at_once() -> None:
    decision = decide(alive=frozenset({owned(2)}), parts=(owned(1), owned(2)))
    assert decision == OrphanDecision(remove_parts=(Place(pool="default", key="shop.orders.sub1"),))


@given(total=st.integers(1, 60), gone=st.integers(0, 60))
def test_no_more_than_a_fifth_of_more_than_ten_goes_at_once(total: int, gone: int) -> None:
    gone = min(gone, total)
    every = tuple(owned(number) for number in range(total))
    found = tuple((one, LONG_AGO if number < gone else None) for number, one in enumerate(every))
    decision = decide(*found, alive=frozenset(every[gone:]), parts=every)
    held = total > 10 and gone > total / 5
    assert len(decision.remove) == (0 if held else gone)
    assert len(decision.remove_parts) == (0 if held else gone)
    assert len(decision.held) == (2 if held else 0)
