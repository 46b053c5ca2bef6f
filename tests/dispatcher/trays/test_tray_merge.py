"""The merge tray: the events of a key within a window become one delivery."""

import pytest

from jethook_contract.errors import Bug
from jethook_dispatcher.core.tray import Parcel
from jethook_dispatcher.core.tray_merge import MAX_COLLECTED_BYTES, MAX_IN_HAND
from tests.dispatcher.trays.trays import fail, filled, item, merge_part, sequences, taken


def test_latest_sends_the_last_of_the_window_and_answers_for_all() -> None:
    tray = filled(merge_part("Latest"), item(2, "a"), item(3, "a"), item(1, "a"))
    parcel = taken(tray, now=10.0)
    assert sequences(parcel) == [1, 2, 3]
    assert ([one.sequence for one in parcel.sent], parcel.batched) == ([3], False)
    tray.finish(parcel)
    assert (tray.waiting, tray.drain(), tray.room(ahead=1)) == (0, [], MAX_IN_HAND)


def test_collect_sends_all_of_the_window_as_a_batch() -> None:
    parcel = taken(filled(merge_part("Collect"), item(2, "a"), item(1, "a")), now=10.0)
    assert (sequences(parcel), parcel.sent, parcel.batched) == ([1, 2], parcel.items, True)


def test_a_window_runs_from_its_first_event_and_each_key_has_its_own() -> None:
    tray = filled(merge_part(window_seconds=10), item(1, "a"), now=100.0)
    tray.add(item(2, "b"), now=104.0)
    tray.add(item(3, "a"), now=109.9)
    assert (tray.take(now=109.9), tray.next_at(now=109.9)) == (None, 110.0)
    assert sequences(tray.take(now=110.0)) == [1, 3]
    assert (tray.take(now=113.9), tray.next_at(now=110.0)) == (None, 114.0)
    assert sequences(tray.take(now=114.0)) == [2]


def test_an_event_after_the_window_opens_the_next_also_when_nothing_took_the_first() -> None:
    tray = filled(merge_part(window_seconds=10), item(1, "a"), now=0.0)
    tray.add(item(2, "a"), now=10.0)
    first = taken(tray, now=10.0)
    assert sequences(first) == [1]
    tray.finish(first)
    assert (tray.take(now=19.9), tray.next_at(now=10.0)) == (None, 20.0)
    assert sequences(tray.take(now=20.0)) == [2]


def test_windows_of_a_key_are_sent_one_after_the_other() -> None:
    tray = filled(merge_part(window_seconds=10), item(1, "a"), item(2, "b"))
    first = taken(tray, now=10.0)
    tray.finish(taken(tray, now=10.0))
    tray.add(item(3, "a"), now=11.0)
    assert tray.take(now=30.0) is None, "the older window is in an attempt"
    fail(tray, first, at=60.0, now=30.0)
    assert (tray.take(now=59.0), tray.next_at(now=30.0)) == (None, 60.0)
    again = taken(tray, now=60.0)
    assert sequences(again) == [1], "it is repeated as it was"
    tray.finish(again)
    assert sequences(tray.take(now=60.0)) == [3]


def test_a_collected_window_closes_before_it_passes_its_bytes() -> None:
    size = MAX_COLLECTED_BYTES // 2 - 10
    tray = filled(merge_part("Collect"), *(item(n, "a", size=size) for n in (1, 2, 3)), item(4, "b", size=2**21))
    first = taken(tray, now=0.0)
    assert sequences(first) == [1, 2]
    assert tray.take(now=0.0) is None
    tray.finish(first)
    assert [sequences(tray.take(now=10.0)) for _ in range(3)] in ([[4], [3], None], [[3], [4], None])


def test_the_time_of_a_window_that_closed_early_wakes_nothing() -> None:
    size = MAX_COLLECTED_BYTES - 10
    tray = filled(merge_part("Collect", window_seconds=10), item(1, "a", size=size), now=0.0)
    tray.add(item(2, "a", size=size), now=5.0)
    tray.finish(taken(tray, now=5.0))
    assert tray.next_at(now=5.0) == 15.0
    tray.add(item(3, "b"), now=6.0)
    tray.add(item(4, "b", alone=True), now=7.0)
    first = taken(tray, now=7.0)
    assert (sequences(first), tray.next_at(now=7.0), tray.take(now=14.0)) == ([3], 15.0, None)
    assert sequences(tray.take(now=15.0)) == [2]
    assert tray.take(now=30.0) is None, "3 is still being tried, and 4 waits behind it"


def test_an_event_that_may_have_ended_a_process_has_a_window_of_its_own() -> None:
    tray = filled(merge_part("Collect"), item(1, "a"), item(2, "a", alone=True), item(3, "a"))
    found: list[list[int] | None] = []
    while (parcel := tray.take(now=10.0)) is not None:
        found.append(sequences(parcel))
        tray.finish(parcel)
    assert found == [[1], [2], [3]]


def test_with_a_thousand_in_hand_the_oldest_window_closes_early() -> None:
    tray = filled(merge_part(window_seconds=3600), item(1, "old"), now=0.0)
    for n in range(2, MAX_IN_HAND):
        tray.add(item(n, f"k{n % 7}"), now=1.0)
    assert (tray.take(now=2.0), tray.room(ahead=1)) == (None, 1)
    tray.add(item(MAX_IN_HAND, "k0"), now=2.0)
    assert tray.room(ahead=1) == 0
    parcel = taken(tray, now=2.0)
    assert sequences(parcel) == [1]
    tray.finish(parcel)
    assert (tray.take(now=2.0), tray.room(ahead=1), tray.full) == (None, 1, False)


def test_a_thousand_in_windows_that_have_failed_are_full() -> None:
    tray = filled(merge_part(), *(item(n, "a") for n in range(1, MAX_IN_HAND + 1)))
    fail(tray, taken(tray, now=10.0), at=60.0, now=10.0)
    assert (tray.full, tray.take(now=11.0), tray.room(ahead=9)) == (True, None, 0)
    assert [(one.key, one.item.sequence, one.at, one.waiting) for one in tray.parked()] == [("a", 1000, 60.0, 1000)]
    assert (tray.parked_count, tray.skip("a")) == (1, None)
    tray.finish(taken(tray, now=60.0))
    assert (tray.full, tray.parked_count, tray.waiting) == (False, 0, 0)


def test_what_is_left_out_when_a_window_is_put_back_is_gone() -> None:
    tray = filled(merge_part("Collect"), item(1, "a"), item(2, "a"))
    parcel = taken(tray, now=10.0)
    tray.put_back(Parcel(parcel.items[1:], parcel.items[1:], True), at=20.0, now=10.0)
    assert (tray.waiting, tray.room(ahead=1)) == (1, MAX_IN_HAND - 1)
    assert sequences(tray.take(now=20.0)) == [2]


def test_a_drain_leaves_what_is_in_an_attempt() -> None:
    tray = filled(merge_part(), item(3, "b"), item(1, "a"), now=0.0)
    first = taken(tray, now=10.0)
    tray.add(item(4, "b"), now=11.0)
    assert [one.sequence for one in tray.drain()] == [1, 4]
    assert (tray.waiting, tray.take(now=60.0), tray.next_at(now=11.0)) == (0, None, None)
    tray.finish(first)
    with pytest.raises(Bug, match="NotTaken"):
        tray.finish(first)
