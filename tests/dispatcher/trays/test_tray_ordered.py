"""The ordered tray: keys take turns, a failed head holds its own key only."""

import pytest

from jethook_contract.errors import Bug
from jethook_dispatcher.core.tray_times import Deadlines
from tests.dispatcher.trays.trays import ORDERED, fail, filled, item, sequences, taken


def test_of_a_key_only_the_smallest_sequence_is_tried_and_the_next_after_it_is_done() -> None:
    tray = filled(ORDERED, item(2, "a"), item(1, "a"), item(3, "b"))
    first = taken(tray, now=0.0)
    assert (sequences(first), first.sent, first.batched) == ([1], first.items, False)
    assert sequences(tray.take(now=0.0)) == [3]
    assert tray.take(now=0.0) is None
    tray.finish(first)
    assert sequences(tray.take(now=0.0)) == [2]


def test_keys_take_turns() -> None:
    tray = filled(ORDERED, *(item(n, "a") for n in range(1, 5)), item(5, "b"), item(6, "b"), item(7, "c"))
    order = []
    while (parcel := tray.take(now=0.0)) is not None:
        order += [one.sequence for one in parcel.items]
        tray.finish(parcel)
    assert order == [1, 5, 7, 2, 6, 3, 4]


def test_a_failed_head_holds_its_followers_and_no_other_key() -> None:
    tray = filled(ORDERED, item(1, "a"), item(2, "a"), item(3, "b"))
    fail(tray, taken(tray, now=0.0), at=5.0, now=0.0)
    assert sequences(tray.take(now=0.0)) == [3]
    assert tray.take(now=4.999) is None
    assert tray.next_at(now=0.0) == 5.0
    assert sequences(tray.take(now=5.0)) == [1]
    assert tray.next_at(now=5.0) is None


def test_a_head_that_is_due_at_once_goes_behind_the_keys_that_are_ready() -> None:
    tray = filled(ORDERED, item(1, "a"), item(2, "b"))
    fail(tray, taken(tray, now=1.0), at=1.0, now=1.0)
    assert [sequences(tray.take(now=1.0)) for _ in range(2)] == [[2], [1]]


def test_what_comes_late_and_belongs_before_a_parked_head_is_tried_first_and_the_head_keeps_its_moment() -> None:
    tray = filled(ORDERED, item(5, "a"))
    fail(tray, taken(tray, now=0.0), at=60.0, now=0.0)
    tray.add(item(3, "a"), now=1.0)
    late = taken(tray, now=1.0)
    assert sequences(late) == [3]
    tray.finish(late)
    assert (tray.take(now=59.0), tray.next_at(now=59.0)) == (None, 60.0)
    assert sequences(tray.take(now=60.0)) == [5]


def test_parked_keys_are_listed_the_oldest_first_at_most_ten_and_counted() -> None:
    tray = filled(ORDERED, *(item(100 - n, f"k{n}") for n in range(12)), item(200, "k3"), item(201, "k3"))
    for _ in range(12):
        fail(tray, taken(tray, now=0.0), at=9.0, now=0.0)
    listed = tray.parked()
    assert [one.item.sequence for one in listed] == list(range(89, 99))
    assert {one.key: one.waiting for one in listed}["k3"] == 3
    assert {one.at for one in listed} == {9.0}
    assert tray.parked_count == 12
    taken(tray, now=9.0)
    assert tray.parked_count == 11, "the one that is being tried is not parked"


def test_skip_takes_out_a_parked_head_only_and_the_next_moves_up() -> None:
    tray = filled(ORDERED, item(1, "a"), item(2, "a"))
    assert tray.skip("a") is None, "its head has not failed"
    parcel = taken(tray, now=0.0)
    assert tray.skip("a") is None, "its head is being tried"
    fail(tray, parcel, at=60.0, now=0.0)
    skipped = tray.skip("a")
    assert skipped is parcel.items[0]
    assert (tray.waiting, tray.parked(), tray.next_at(now=0.0)) == (1, [], None)
    assert sequences(tray.take(now=0.0)) == [2]


def test_what_moves_up_by_a_skip_keeps_the_moment_that_it_had() -> None:
    tray = filled(ORDERED, item(5, "a"))
    fail(tray, taken(tray, now=0.0), at=60.0, now=0.0)
    tray.add(item(3, "a"), now=1.0)
    fail(tray, taken(tray, now=1.0), at=2.0, now=1.0)
    assert tray.next_at(now=3.0) is None, "3 is due and in no attempt"
    assert tray.skip("a") is not None
    assert (tray.take(now=59.0), tray.next_at(now=59.0)) == (None, 60.0)
    assert sequences(tray.take(now=60.0)) == [5]


def test_a_thousand_places_taken_by_waiting_keys_are_full_until_one_of_them_proceeds() -> None:
    tray = filled(ORDERED, item(1, "a"), item(2, "b"), *(item(n, "a") for n in range(3, 1001)))
    assert (tray.room(ahead=50), tray.full) == (0, False), "the two keys can proceed"
    fail(tray, taken(tray, now=0.0), at=5.0, now=0.0)
    assert not tray.full, "b can proceed"
    fail(tray, taken(tray, now=0.0), at=6.0, now=0.0)
    assert tray.full
    again = taken(tray, now=5.0)
    assert tray.full, "a repeated attempt is no progress yet"
    tray.finish(again)
    assert (tray.full, tray.room(ahead=50)) == (False, 1)


def test_more_is_asked_for_while_fewer_keys_are_ready_than_can_be_tried() -> None:
    tray = filled(ORDERED, item(1, "a"), item(2, "a"), item(3, "b"))
    assert [tray.room(ahead=ahead) for ahead in (0, 1, 2, 5)] == [0, 0, 0, 3]


def test_a_drain_leaves_what_is_in_an_attempt() -> None:
    tray = filled(ORDERED, item(4, "b"), item(1, "a"), item(3, "b"), item(2, "a"))
    first = taken(tray, now=0.0)
    assert [one.sequence for one in tray.drain()] == [1, 2, 4]
    assert (sequences(first), tray.take(now=0.0), tray.waiting) == ([3], None, 0)
    tray.add(item(4, "b"), now=0.0)
    assert tray.take(now=0.0) is None, "3 is still being tried"
    tray.finish(first)
    assert sequences(tray.take(now=0.0)) == [4]


def test_what_was_not_taken_cannot_be_finished() -> None:
    tray = filled(ORDERED, item(1, "a"))
    parcel = taken(tray, now=0.0)
    tray.finish(parcel)
    with pytest.raises(Bug, match="NotTaken"):
        tray.finish(parcel)


def test_moments_that_were_dropped_do_not_pile_up() -> None:
    deadlines = Deadlines()
    for n in range(10_000):
        deadlines.put("a", at=1000.0 + n)
        deadlines.put(f"b{n}", at=2000.0)
        deadlines.drop(f"b{n}")
    assert len(deadlines._heap) < 200
    assert (len(deadlines), deadlines.soonest()) == (1, 10_999.0)
    assert (deadlines.pop(by=10_998.9), deadlines.pop(by=10_999.0), deadlines.pop()) == (None, "a", None)


def test_a_moment_that_was_moved_counts_no_more() -> None:
    deadlines = Deadlines()
    deadlines.put("a", at=1.0)
    deadlines.put("a", at=3.0)
    deadlines.put("b", at=2.0)
    assert deadlines.soonest() == 2.0
    assert [deadlines.pop(by=9.0) for _ in range(3)] == ["b", "a", None]
