"""The batch tray: events go together within bounds, a bad one ends alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.plan import RetryPolicy
from jethook_contract.selection import Batch
from jethook_dispatcher.core.tray import make_tray
from jethook_dispatcher.core.tray_batch import batch_bounds
from tests.dispatcher.trays.trays import batch_part, filled, item, sequences, taken


def test_a_batch_goes_when_it_has_all_its_events() -> None:
    tray = filled(batch_part(max_events=3), item(2), item(1))
    assert tray.take(now=0.0) is None
    tray.add(item(3), now=0.0)
    parcel = taken(tray, now=0.0)
    assert (sequences(parcel), parcel.sent, parcel.batched) == ([1, 2, 3], parcel.items, True)
    assert (tray.waiting, tray.next_at(now=0.0)) == (0, None)


def test_a_batch_goes_when_its_first_event_has_waited_long_enough() -> None:
    tray = filled(batch_part(max_wait_milliseconds=500), item(1), now=10.0)
    tray.add(item(2), now=10.4)
    assert (tray.take(now=10.499), tray.next_at(now=10.4)) == (None, 10.5)
    assert sequences(tray.take(now=10.5)) == [1, 2]


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([48, 49, 10], [[1, 2], [3]]),  # 48 + 49, two brackets and a comma are 100: the bound is reached
        ([48, 50, 10], [[1], [2, 3]]),  # 101 would pass it
        ([98, 10], [[1], [2]]),
        ([500, 10], [[1], [2]]),  # too large alone, and yet it goes
        ([10, 500, 10], [[1], [2], [3]]),
    ],
)
def test_the_bound_in_bytes_counts_brackets_and_commas(sizes: list[int], batches: list[list[int]]) -> None:
    tray = filled(batch_part(max_bytes=100), *(item(n, size=size) for n, size in enumerate(sizes, start=1)))
    found = []
    while (parcel := tray.take(now=60.0)) is not None:
        found.append(sequences(parcel))
    assert found == batches


def test_events_of_different_attempts_never_share_a_batch() -> None:
    tray = filled(batch_part(), item(1), item(2, attempts=1), item(3), item(4, attempts=1))
    assert [sequences(tray.take(now=60.0)) for _ in range(3)] == [[1, 3], [2, 4], None]


def test_an_event_that_may_have_ended_a_process_goes_alone_and_at_once() -> None:
    tray = filled(batch_part(), item(1), item(2, alone=True), item(3))
    assert sequences(tray.take(now=0.0)) == [2]
    assert sequences(tray.take(now=60.0)) == [1, 3]


@pytest.mark.parametrize(
    ("max_attempts", "bounds"),
    [
        (1, [100]),
        (2, [100, 1]),
        (3, [100, 100, 1]),
        (4, [100, 100, 50, 1]),
        (6, [100, 100, 50, 25, 12, 1]),
        (12, [100, 100, 50, 25, 12, 6, 3, 1, 1, 1, 1, 1]),
    ],
)
def test_bounds_are_halved_after_the_second_failure_and_the_last_attempt_is_alone(
    max_attempts: int, bounds: list[int]
) -> None:
    found = [batch_bounds(Batch(), failures=n, max_attempts=max_attempts)[0] for n in range(max_attempts)]
    assert found == bounds


def test_the_bound_in_bytes_is_halved_too() -> None:
    assert [batch_bounds(Batch(max_bytes=1000), failures=n, max_attempts=12)[1] for n in range(5)] == [
        1000, 1000, 500, 250, 125,
    ]  # fmt: skip


@pytest.mark.parametrize("bad", [1, 37, 100])
@pytest.mark.parametrize("max_attempts", range(2, 13))
def test_a_bad_event_among_a_hundred_ends_alone_and_the_others_are_delivered(max_attempts: int, bad: int) -> None:
    tray = make_tray(
        batch_part().model_copy(update={"retry": RetryPolicy(max_attempts=max_attempts)}),
    )
    coming = [item(n) for n in range(1, 101)]
    delivered, dead, now = set(), set(), 0.0
    while coming or tray.waiting:
        for one in coming:
            tray.add(one, now=now)
        now += 60.0
        coming = []
        while (parcel := tray.take(now=now)) is not None:
            tray.finish(parcel)
            if bad not in sequences(parcel):
                delivered |= set(sequences(parcel))
                continue
            for one in parcel.items:
                one.attempts += 1
                if one.attempts >= max_attempts:
                    dead |= set(sequences(parcel))
                else:
                    coming.append(one)
    assert dead == {bad}
    assert delivered == set(range(1, 101)) - {bad}


def test_a_schedule_bounds_the_attempts() -> None:
    part = batch_part().model_copy(update={"retry": RetryPolicy(schedule_seconds=(5, 60))})
    tray = filled(part, item(1, attempts=2), item(2, attempts=2))
    assert [sequences(tray.take(now=0.0)) for _ in range(2)] == [[1], [2]], "the third of three attempts"


def test_room_is_what_fills_the_parcels_ahead() -> None:
    tray = filled(batch_part(max_events=10), *(item(n) for n in range(14)))
    assert [tray.room(ahead=ahead) for ahead in (0, 1, 2, 3)] == [0, 0, 6, 16]


def test_a_drain_takes_full_and_filling_batches() -> None:
    tray = filled(batch_part(max_events=2), item(3), item(2), item(1))
    assert [one.sequence for one in tray.drain()] == [1, 2, 3]
    assert (tray.waiting, tray.take(now=60.0), tray.next_at(now=0.0)) == (0, None, None)


@given(
    events=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 6), st.floats(0.0, 0.3), st.booleans()), max_size=80),
    max_events=st.integers(1, 9),
    max_bytes=st.integers(1, 500),
    max_attempts=st.integers(1, 6),
)
def test_bounds_are_never_passed_and_nothing_is_lost(
    events: list[tuple[int, int, float, bool]], max_events: int, max_bytes: int, max_attempts: int
) -> None:
    part = batch_part(max_events=max_events, max_bytes=max_bytes, max_wait_milliseconds=500)
    tray = make_tray(part.model_copy(update={"retry": RetryPolicy(max_attempts=max_attempts)}))
    now, parcels, added = 0.0, [], {}
    for sequence, (size, attempts, pause, take) in enumerate(events):
        now += pause
        added[sequence] = now
        tray.add(item(sequence, size=size, attempts=attempts), now=now)
        while take and (parcel := tray.take(now=now)) is not None:
            parcels.append(parcel)
        due = tray.next_at(now=now)
        assert due is None or now < due <= now + 0.5
    while (parcel := tray.take(now=now)) is not None or (due := tray.next_at(now=now)) is not None:
        if parcel is None:
            now = due
            continue
        parcels.append(parcel)
    assert sorted(one.sequence for parcel in parcels for one in parcel.items) == list(added)
    for parcel in parcels:
        failures = {one.attempts for one in parcel.items}
        assert len(failures) == 1
        most, most_bytes = batch_bounds(part.batch, failures=failures.pop(), max_attempts=max_attempts)
        assert len(parcel.items) <= most
        body = sum(one.size for one in parcel.items) + len(parcel.items) + 1
        assert body <= most_bytes or len(parcel.items) == 1
