"""The token bucket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_dispatcher.core.limits import TokenBucket

steps = st.floats(0, 3)


def taken(bucket: TokenBucket, *, now: float) -> int:
    """Take all there is."""
    count = 0
    while bucket.take(now=now):
        count += 1
    return count


def busiest(times: list[float], *, rate: float, burst: float) -> float:
    """Give by how much the worst span exceeds its due."""
    return max(
        (later - first + 1 - burst - rate * (times[later] - times[first]))
        for first in range(len(times))
        for later in range(first, len(times))
    )


def test_it_begins_empty_and_gives_its_first_token_after_one_interval() -> None:
    bucket = TokenBucket(rate=10, burst=5, now=100.0)
    assert not bucket.take(now=100.0)
    assert not bucket.take(now=100.0999)
    assert bucket.take(now=bucket.ready_at())
    assert bucket.ready_at() == pytest.approx(100.2)


def test_a_pause_gives_the_burst_and_no_more() -> None:
    bucket = TokenBucket(rate=10, burst=5, now=0.0)
    assert taken(bucket, now=1000.0) == 5
    assert taken(bucket, now=1000.11) == 1


@given(rate=st.floats(0.1, 5000), start=st.floats(0, 1e7), count=st.integers(1, 50))
def test_who_comes_back_when_told_gets_a_token(rate: float, start: float, count: int) -> None:
    bucket = TokenBucket(rate=rate, burst=1, now=start)
    for _ in range(count):
        assert bucket.take(now=max(start, bucket.ready_at()))


@given(rate=st.floats(0.5, 200), burst=st.integers(1, 50), gaps=st.lists(steps, min_size=1, max_size=60))
def test_no_span_gets_more_than_burst_and_rate(rate: float, burst: int, gaps: list[float]) -> None:
    bucket, now, times = TokenBucket(rate=rate, burst=burst, now=0.0), 0.0, list[float]()
    for gap in gaps:
        now += gap
        times += [now] * min(taken(bucket, now=now), 60)
    assert not times or busiest(times[:300], rate=rate, burst=burst) <= 1e-4


@given(
    gaps=st.lists(st.tuples(st.floats(0, 0.5), st.sampled_from(["use", "return", "hold"])), min_size=1, max_size=80),
    burst=st.integers(1, 5),
)
def test_tokens_given_back_never_let_the_used_ones_exceed_the_law(gaps: list[tuple[float, str]], burst: int) -> None:
    rate, now = 10.0, 0.0
    bucket, used, held = TokenBucket(rate=rate, burst=burst, now=0.0), list[float](), list[float]()
    for gap, deed in gaps:
        now += gap
        if deed == "return" and held:
            bucket.give_back(taken_at=held.pop(), now=now)
        while bucket.take(now=now):
            (held if deed == "hold" else used).append(now)
    assert not used or busiest(used, rate=rate, burst=burst) <= 1e-4


def test_a_token_given_back_at_once_can_be_taken_again() -> None:
    bucket = TokenBucket(rate=1, burst=3, now=0.0)
    assert bucket.take(now=1.0)
    bucket.give_back(taken_at=1.0, now=1.0)
    assert taken(bucket, now=1.0) == 1


def test_a_token_given_back_later_has_lost_what_came_in_meanwhile() -> None:
    bucket = TokenBucket(rate=1, burst=3, now=0.0)
    assert bucket.take(now=1.0)
    bucket.give_back(taken_at=1.0, now=1.25)
    assert not bucket.take(now=1.2)
    assert bucket.ready_at() == pytest.approx(1.25)
    bucket.give_back(taken_at=1.0, now=5.0)
    assert bucket.ready_at() == pytest.approx(1.25)


def test_a_token_from_before_a_change_is_lost() -> None:
    bucket = TokenBucket(rate=1, burst=1, now=0.0)
    assert bucket.take(now=1.0)
    bucket.change(rate=2, burst=1, now=1.1)
    before = bucket.ready_at()
    bucket.give_back(taken_at=1.0, now=1.1)
    assert bucket.ready_at() == before


def test_a_change_to_the_same_is_none() -> None:
    bucket = TokenBucket(rate=1, burst=1, now=0.0)
    assert bucket.take(now=1.0)
    bucket.change(rate=1, burst=1, now=1.5)
    bucket.give_back(taken_at=1.0, now=1.5)
    assert bucket.ready_at() == pytest.approx(1.5)


@given(
    changes=st.lists(st.tuples(steps, st.floats(0.5, 100), st.integers(1, 20)), min_size=1, max_size=30),
)
def test_a_change_adds_no_token(changes: list[tuple[float, float, int]]) -> None:
    bucket, now, times = TokenBucket(rate=1, burst=1, now=0.0), 0.0, list[float]()
    for gap, rate, burst in changes:
        now += gap
        before = bucket.ready_at() <= now + 1e-9
        bucket.change(rate=rate, burst=burst, now=now)
        assert before or bucket.ready_at() > now
        times += [now] * taken(bucket, now=now)
    most = max(rate for _, rate, _ in changes)
    burst = max(burst for _, _, burst in changes)
    assert not times or busiest(times[:300], rate=max(1.0, most), burst=burst) <= 1e-4


def test_tokens_stay_over_a_change_up_to_the_new_burst() -> None:
    bucket = TokenBucket(rate=10, burst=10, now=0.0)
    bucket.change(rate=1, burst=20, now=0.45)
    assert taken(bucket, now=0.45) == 4
    bucket.change(rate=100, burst=2, now=100.0)
    assert taken(bucket, now=100.0) == 2
