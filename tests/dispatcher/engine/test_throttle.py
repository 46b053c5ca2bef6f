"""Fewer requests for a receiver that is given too many, and back again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.target import Limits
from jethook_dispatcher.core.allowance import Allowance
from jethook_dispatcher.core.throttle import MIN_RATE, RateMeter, Throttle


def lowered(throttle: Throttle, *, allowed: float | None, now: float, observed: float = 1000.0) -> bool:
    return throttle.lower(allowed=allowed, observed=observed, started_at=now, now=now)


def test_the_rate_is_halved() -> None:
    throttle = Throttle()
    assert lowered(throttle, allowed=50, now=10.0)
    assert throttle.rate(spec=50, now=10.0) == 25


def test_it_is_halved_at_most_once_a_second() -> None:
    throttle = Throttle()
    assert lowered(throttle, allowed=50, now=10.0)
    assert not lowered(throttle, allowed=25, now=10.9)
    assert lowered(throttle, allowed=25, now=11.0)


def test_an_attempt_from_before_the_last_halving_says_nothing_new() -> None:
    throttle = Throttle()
    lowered(throttle, allowed=50, now=10.0)
    assert not throttle.lower(allowed=25, observed=25, started_at=9.9, now=15.0)
    assert throttle.lower(allowed=25, observed=25, started_at=10.0, now=15.0)


def test_it_comes_back_evenly_and_is_lifted_at_the_spec() -> None:
    throttle = Throttle()
    lowered(throttle, allowed=60, now=0.0)
    rates = [throttle.rate(spec=60, now=float(second)) for second in (0, 1, 10, 29)]
    assert rates == pytest.approx([30, 31, 40, 59])
    assert throttle.rate(spec=60, now=30.0) is None
    assert not throttle.active


def test_without_a_spec_it_is_lifted_at_twice_what_was_observed() -> None:
    throttle = Throttle()
    lowered(throttle, allowed=None, observed=60, now=0.0)
    assert throttle.rate(spec=None, now=89.0) == pytest.approx(119)
    assert throttle.rate(spec=None, now=90.0) is None


def test_where_less_is_sent_than_allowed_half_of_what_is_sent_counts() -> None:
    throttle = Throttle()
    lowered(throttle, allowed=1000, observed=40, now=0.0)
    assert throttle.rate(spec=1000, now=0.0) == 20


def test_one_such_answer_among_few_requests_leaves_five_a_second() -> None:
    throttle = Throttle()
    lowered(throttle, allowed=None, observed=0.1, now=0.0)
    assert throttle.rate(spec=None, now=0.0) == 5


@given(
    spec=st.integers(1, 2000),
    gaps=st.lists(st.tuples(st.floats(0, 20), st.booleans()), min_size=1, max_size=60),
)
def test_the_bound_is_between_the_least_rate_and_the_spec(spec: int, gaps: list[tuple[float, bool]]) -> None:
    throttle, now = Throttle(), 0.0
    for gap, answer in gaps:
        now += gap
        rate = throttle.rate(spec=spec, now=now)
        assert rate is None or MIN_RATE <= rate < spec
        if answer:
            lowered(throttle, allowed=spec if rate is None else rate, now=now)


def test_the_meter_tells_the_rate_of_the_last_seconds() -> None:
    meter = RateMeter(now=0.0)
    for step in range(1000):
        meter.add(now=step * 0.02)
    assert meter.rate(now=20.0) == pytest.approx(50, rel=0.05)
    assert meter.rate(now=60.0) == 0


def test_a_volley_is_no_rate_of_thousands() -> None:
    meter = RateMeter(now=0.0)
    for _ in range(20):
        meter.add(now=0.001)
    assert meter.rate(now=0.002) == 20


def test_a_handshake_lowers_the_spec_and_its_burst() -> None:
    allowance = Allowance(Limits(requests_per_second=50, burst=100), now=0.0)
    allowance.allow(2.0)
    assert allowance.rate(share=1.0, now=0.0) == 2
    assert sum(allowance.take(share=1.0, now=1000.0) for _ in range(200)) == 2


def test_a_handshake_raises_nothing() -> None:
    allowance = Allowance(Limits(requests_per_second=5), now=0.0)
    allowance.allow(100.0)
    assert allowance.rate(share=1.0, now=0.0) == 5


def test_a_handshake_without_a_bound_gives_the_spec_back() -> None:
    allowance = Allowance(Limits(), now=0.0)
    allowance.allow(1.0)
    assert not allowance.take(share=1.0, now=0.0)
    allowance.allow(None)
    assert allowance.take(share=1.0, now=0.0)
    assert not allowance.counted
