"""What is counted, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.status import DeliveryStatus, LastError
from jethook_dispatcher.core.counters import MAX_MESSAGE_CHARACTERS, Counters, Totals
from jethook_dispatcher.core.latency import SPAN_SECONDS, Latencies
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.recent import RecentAttempts
from tests.dispatcher.status.conftest import BUSY, LATE, OK, START


def count(counters: Counters, outcome: Outcome, *, at: float = 0.0, number: int = 1) -> None:
    ended = START + timedelta(seconds=at)
    counters.attempted(outcome, attempt=number, ended_at=ended, next_attempt_at=None, now=at)


def test_totals_of_an_event_that_fails_twice_before_it_is_accepted() -> None:
    counters = Counters()
    for number, outcome in enumerate((BUSY, BUSY, OK), start=1):
        count(counters, outcome, at=number, number=number)
    assert counters.totals() == Totals(delivered=1, retried=2, failed_attempts=2)
    assert counters.last_delivery_time == counters.last_attempt_time == START + timedelta(seconds=3)
    assert counters.last_error == LastError(
        reason="HTTPStatus", status_code=503, time=START + timedelta(seconds=2), message="Service Unavailable"
    )


def test_dead_letter_of_spent_attempts_keeps_the_last_error() -> None:
    counters = Counters()
    count(counters, BUSY)
    counters.buried(reason="AttemptsExhausted", message="x", at=START)
    assert counters.totals() == Totals(failed_attempts=1, dead_lettered=1)
    assert counters.last_error is not None
    assert counters.last_error.reason == "HTTPStatus"


def test_dead_letter_of_an_unreadable_event_becomes_the_last_error_bounded() -> None:
    counters = Counters()
    counters.buried(reason="NotParsed", message="x" * 10_000, at=START)
    assert counters.last_error is not None
    assert (counters.last_error.reason, len(counters.last_error.message)) == ("NotParsed", MAX_MESSAGE_CHARACTERS)


@pytest.mark.parametrize(
    ("history", "failing"),
    [
        ([], False),
        ([(0, OK)], False),
        ([(0, BUSY)], True),  # nothing has ever succeeded
        ([(0, OK), (1, BUSY)], False),
        ([(0, OK), (1, BUSY), (10.9, LATE)], False),
        ([(0, OK), (1, BUSY), (11, LATE)], True),  # failures alone for ten seconds
        ([(0, OK), *[(1, BUSY)] * 9], False),
        ([(0, OK), *[(1, BUSY)] * 10], True),  # ten in a row
        ([(0, OK), *[(1, BUSY)] * 50, (2, OK)], False),
        ([(0, OK), (1, BUSY), (5, OK), (20, BUSY)], False),
    ],
)
def test_failing(history: list[tuple[float, Outcome]], failing: bool) -> None:  # noqa: FBT001
    counters = Counters()
    for at, outcome in history:
        count(counters, outcome, at=at)
    assert counters.failing == failing


def test_next_attempt_is_the_earliest_that_lies_ahead() -> None:
    counters = Counters()
    for seconds in (50, 10, 30, *range(1000, 1100)):
        moment = START + timedelta(seconds=seconds)
        counters.attempted(BUSY, attempt=1, ended_at=START, next_attempt_at=moment, now=0)
    seen = [counters.next_attempt_time(at=START + timedelta(seconds=at)) for at in (0, 10, 45, 50)]
    assert seen == [START + timedelta(seconds=seconds) for seconds in (10, 30, 50, 1000)]
    assert counters.next_attempt_time(at=START + timedelta(days=1)) is None


STORED = DeliveryStatus(
    state="Failing",
    delivered=100,
    retried=20,
    failed_attempts=30,
    dead_lettered=4,
    success_percent=12,
    p50_milliseconds=7,
    p99_milliseconds=70,
    last_delivery_time=START - timedelta(hours=1),
    last_error=LastError(reason="Timeout", time=START - timedelta(minutes=1)),
)


def test_a_new_owner_goes_on_where_the_former_stopped() -> None:
    counters = Counters()
    count(counters, BUSY, number=3)
    counters.rebase(STORED, persisted=Totals())
    assert counters.totals() == Totals(delivered=100, retried=21, failed_attempts=31, dead_lettered=4)
    assert counters.last_delivery_time == START - timedelta(hours=1)
    assert counters.last_error is not None
    assert counters.last_error.time == START
    assert counters.failing


def test_a_new_owner_shows_what_the_former_saw_until_it_has_seen_something() -> None:
    counters = Counters()
    counters.rebase(STORED, persisted=Totals())
    assert (counters.success_percent(), counters.latency_milliseconds()) == (12, (7, 70))
    assert counters.failing
    assert counters.last_error == STORED.last_error
    count(counters, OK)
    assert counters.success_percent() == 100
    assert counters.latency_milliseconds() != (7, 70)
    assert not counters.failing


@given(own=st.lists(st.booleans(), max_size=50), split=st.integers(0, 50), others=st.integers(0, 1000))
def test_counts_are_neither_lost_nor_doubled_when_another_wrote_in_between(
    own: list[bool], split: int, others: int
) -> None:
    counters = Counters()
    for delivered in own[:split]:
        count(counters, OK if delivered else BUSY)
    persisted = counters.totals()
    for delivered in own[split:]:
        count(counters, OK if delivered else BUSY)
    stored = DeliveryStatus(
        delivered=persisted.delivered + others, failed_attempts=persisted.failed_attempts + 2 * others
    )
    counters.rebase(stored, persisted=persisted)
    assert counters.delivered == sum(own) + others
    assert counters.failed_attempts == len(own) - sum(own) + 2 * others


@pytest.mark.parametrize(
    ("delivered", "failed", "percent"),
    [(1, 0, 100), (0, 1, 0), (1, 1, 50), (999, 1, 99), (1, 999, 1), (12, 88, 12), (100_000, 1, 99)],
)
def test_success_percent_says_100_for_all_and_0_for_none_only(delivered: int, failed: int, percent: int) -> None:
    recent = RecentAttempts()
    for number in range(delivered + failed):
        recent.add(delivered=number < delivered, now=0)
    assert recent.success_percent() == percent


def test_success_percent_forgets_after_five_minutes_and_stays_when_nothing_comes() -> None:
    recent = RecentAttempts()
    assert recent.success_percent() is None
    recent.add(delivered=False, now=0)
    recent.add(delivered=True, now=299)
    assert recent.success_percent() == 50
    recent.add(delivered=True, now=301)
    assert recent.success_percent() == 100


def test_failures_of_the_minute_that_ends_with_the_last_attempt() -> None:
    recent = RecentAttempts()
    assert recent.failures(seconds=60) == 0
    for now in range(0, 120, 5):
        recent.add(delivered=False, now=now)
    assert recent.failures(seconds=60) == 12
    recent.add(delivered=True, now=1000)
    assert recent.failures(seconds=60) == 0


@given(st.lists(st.tuples(st.floats(0, 200), st.booleans()), max_size=200))
def test_the_window_counts_what_a_count_from_the_start_would(history: list[tuple[float, bool]]) -> None:
    recent, now, ends = RecentAttempts(), 0.0, []
    for pause, delivered in history:
        now += pause
        recent.add(delivered=delivered, now=now)
        ends.append((now, delivered))
    kept = [delivered for at, delivered in ends if at // 10 > now // 10 - 30]
    assert (recent.attempts, recent.failed) == (len(kept), kept.count(False))


def test_dead_letters_of_the_last_five_minutes_leave_out_what_was_skipped() -> None:
    counters = Counters()
    for seconds, reason in ((0, "NotParsed"), (200, "AgeExceeded"), (210, "Skipped"), (205, "BacklogExceeded")):
        counters.buried(reason=reason, message="", at=START + timedelta(seconds=seconds))
    seen = [counters.dead_letters_lately(at=START + timedelta(seconds=at)) for at in (210, 299, 301, 520)]
    assert seen == [3, 3, 2, 0]


@given(seconds=st.lists(st.floats(0.001, 600), min_size=1, max_size=200))
def test_percentiles_are_right_to_a_tenth(seconds: list[float]) -> None:
    latencies = Latencies()
    for duration in seconds:
        latencies.add(duration, now=0)
    ordered = sorted(seconds)
    for percent in (50, 99, 100):
        true = ordered[-(-len(ordered) * percent // 100) - 1] * 1000
        shown = latencies.percentile_milliseconds(percent)
        assert shown is not None
        assert true - 1 <= shown <= max(true * 1.1, 1) + 1


def test_extreme_durations_are_counted_all_the_same() -> None:
    latencies = Latencies()
    assert latencies.percentile_milliseconds(50) is None
    for duration in (0.0, 0.0, 1e9):
        latencies.add(duration, now=0)
    assert latencies.percentile_milliseconds(50) == 1
    assert (latencies.percentile_milliseconds(99) or 0) >= 600_000


def test_old_latencies_are_forgotten() -> None:
    latencies = Latencies()
    latencies.add(5.0, now=10)
    latencies.add(0.01, now=SPAN_SECONDS + 1)
    assert (latencies.percentile_milliseconds(99) or 0) >= 5000
    latencies.add(0.01, now=2 * SPAN_SECONDS + 1)
    assert (latencies.percentile_milliseconds(99) or 0) < 20
