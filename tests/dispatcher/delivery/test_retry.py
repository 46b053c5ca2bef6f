"""Delays and the end of retries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.plan import RetryPolicy
from jethook_dispatcher.core.retry import Delay, GiveUp, base_delay_seconds, max_attempts, next_delay

MIDDLE = 0.5  # no jitter


def after(attempt: int, policy: RetryPolicy = RetryPolicy(), **given: float | None) -> Delay | GiveUp:  # noqa: B008 -- frozen
    arguments: dict[str, float | None] = {"random": MIDDLE, "retry_after_seconds": None, "age_seconds": 0.0, **given}
    return next_delay(policy, attempt=attempt, **arguments)  # type: ignore[arg-type] # None only for retry_after_seconds


def test_default_delays_grow_threefold_up_to_six_hours() -> None:
    delays = [base_delay_seconds(RetryPolicy(), attempt=attempt) for attempt in range(1, 12)]
    assert delays == [5, 15, 45, 135, 405, 1215, 3645, 10935, 21600, 21600, 21600]


@pytest.mark.parametrize(("random", "seconds"), [(0.0, 4.0), (0.5, 5.0), (0.999999999, 6.0)])
def test_jitter_spreads_by_its_percentage_both_ways(random: float, seconds: float) -> None:
    assert after(1, random=random) == Delay(pytest.approx(seconds))


@pytest.mark.parametrize(
    ("attempt", "given", "expected"),
    [
        (1, {"retry_after_seconds": 42.0, "random": 0.0}, Delay(42.0)),
        (1, {"retry_after_seconds": 0.0}, Delay(0.0)),
        (3, {"retry_after_seconds": 90000.0}, Delay(90000.0)),  # over maxDelaySeconds: obeyed all the same
        (1, {"retry_after_seconds": 1e9}, Delay(172800.0)),
        (1, {"retry_after_seconds": 100.0, "age_seconds": 172750.0}, Delay(50.0)),
        (1, {"age_seconds": 172799.0}, Delay(1.0)),
        (1, {"age_seconds": 172800.0}, GiveUp("AgeExceeded")),
        (1, {"age_seconds": -30.0}, Delay(5.0)),
        (11, {}, Delay(21600.0)),
        (12, {}, GiveUp("AttemptsExhausted")),
        (13, {}, GiveUp("AttemptsExhausted")),
        (12, {"retry_after_seconds": 1.0}, GiveUp("AttemptsExhausted")),
    ],
)
def test_decision(attempt: int, given: dict[str, float], expected: Delay | GiveUp) -> None:
    assert after(attempt, **given) == expected


def test_a_huge_exponent_ends_at_the_ceiling() -> None:
    policy = RetryPolicy(max_attempts=10**6, factor=10)
    assert base_delay_seconds(policy, attempt=10**5) == policy.max_delay_seconds


SCHEDULE = RetryPolicy(schedule_seconds=(5, 60, 600), max_delay_seconds=30, max_attempts=2)


@pytest.mark.parametrize("random", [0.0, 0.5, 0.999])
def test_a_schedule_gives_the_delays_one_by_one_without_jitter_or_ceiling(random: float) -> None:
    found = [after(attempt, SCHEDULE, random=random) for attempt in range(1, 5)]
    assert found == [Delay(5.0), Delay(60.0), Delay(600.0), GiveUp("AttemptsExhausted")]


def test_a_schedule_has_one_attempt_more_than_delays() -> None:
    assert max_attempts(SCHEDULE) == 4
    assert max_attempts(RetryPolicy(max_attempts=7)) == 7


def test_retry_after_and_the_age_bound_a_schedule_too() -> None:
    assert after(1, SCHEDULE, retry_after_seconds=9.0) == Delay(9.0)
    assert after(3, SCHEDULE, age_seconds=172_700.0) == Delay(100.0)
    assert after(1, SCHEDULE, age_seconds=172_800.0) == GiveUp("AgeExceeded")


policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 1000),
    initial_delay_seconds=st.integers(0, 3600),
    factor=st.integers(1, 10),
    max_delay_seconds=st.integers(0, 86400),
    jitter_percent=st.integers(0, 100),
    max_age_seconds=st.integers(1, 10**6),
    schedule_seconds=st.lists(st.integers(0, 86400), max_size=5).map(tuple),
)


@given(
    policy=policies,
    attempt=st.integers(1, 1100),
    random=st.floats(0, 1, exclude_max=True),
    retry_after=st.none() | st.floats(0, 1e9),
    age=st.floats(-100, 2e6),
)
def test_laws(policy: RetryPolicy, attempt: int, random: float, retry_after: float | None, age: float) -> None:
    """Never negative, never past the age, within the jitter, and given up exactly at the bounds."""
    result = after(attempt, policy, random=random, retry_after_seconds=retry_after, age_seconds=age)
    spent = attempt >= max_attempts(policy)
    assert isinstance(result, GiveUp) == (spent or age >= policy.max_age_seconds)
    if isinstance(result, GiveUp):
        assert (result.reason == "AttemptsExhausted") == spent
        return
    remaining = policy.max_age_seconds - max(0.0, age)
    assert 0 <= result.seconds <= remaining
    if retry_after is not None:
        assert result.seconds == min(retry_after, remaining)
        return
    base = base_delay_seconds(policy, attempt=attempt)
    spread = 0.0 if policy.schedule_seconds else base * policy.jitter_percent / 100
    assert min(base - spread, remaining) - 1e-6 <= result.seconds <= base + spread + 1e-6


@given(policy=policies, attempt=st.integers(1, 500))
def test_delays_without_a_schedule_never_shrink(policy: RetryPolicy, attempt: int) -> None:
    policy = policy.model_copy(update={"schedule_seconds": ()})
    assert base_delay_seconds(policy, attempt=attempt) <= base_delay_seconds(policy, attempt=attempt + 1)
