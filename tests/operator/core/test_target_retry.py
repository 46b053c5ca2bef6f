"""An endpoint's retries, with what a Subscription sets differently."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.plan import RetryPolicy
from jethook_operator.api.retry import RetryOverride
from jethook_operator.core.retry import retry_policy
from tests.operator.core.endpoints import an_endpoint

LONG = 2_592_000
SCHEDULE = {"scheduleSeconds": [5, 60, 600]}


def policy(retry: dict[str, Any], override: dict[str, Any] | None = None, *, backlog: int = LONG) -> RetryPolicy:
    given_override = None if override is None else RetryOverride.model_validate(override)
    return retry_policy(an_endpoint(retry=retry), override=given_override, backlog_max_age_seconds=backlog)


def test_defaults_are_those_of_the_contract() -> None:
    assert policy({}) == RetryPolicy()
    assert policy({}, {}) == RetryPolicy()


def test_every_field_of_an_endpoint_is_carried_over() -> None:
    retry = {"maxAttempts": 2, "initialDelaySeconds": 3, "factor": 4, "maxDelaySeconds": 5, "jitterPercent": 6}
    assert policy({**retry, "maxAgeSeconds": 7}) == RetryPolicy(
        max_attempts=2, initial_delay_seconds=3, factor=4, max_delay_seconds=5, jitter_percent=6, max_age_seconds=7
    )


def test_every_field_that_a_subscription_sets_wins() -> None:
    override = {"max_attempts": 2, "initial_delay_seconds": 3, "factor": 4, "max_delay_seconds": 5}
    assert policy({"maxAttempts": 100}, {**override, "jitter_percent": 0, "max_age_seconds": 7}) == RetryPolicy(
        max_attempts=2, initial_delay_seconds=3, factor=4, max_delay_seconds=5, jitter_percent=0, max_age_seconds=7
    )


@pytest.mark.parametrize(
    ("retry", "override", "backlog", "age"),
    [
        ({}, None, 604_800, 172_800),
        ({}, None, 60, 60),
        ({"maxAgeSeconds": 1000}, {"max_age_seconds": 2000}, 3000, 2000),
        ({"maxAgeSeconds": 1000}, {"max_age_seconds": 2000}, 1500, 1500),
    ],
)
def test_no_event_is_tried_longer_than_it_may_wait(
    retry: dict[str, Any], override: dict[str, Any] | None, backlog: int, age: int
) -> None:
    assert policy(retry, override, backlog=backlog).max_age_seconds == age


@pytest.mark.parametrize(
    ("retry", "override", "schedule", "attempts"),
    [
        (SCHEDULE, None, (5, 60, 600), 4),
        (SCHEDULE, {"jitter_percent": 1}, (5, 60, 600), 4),
        (SCHEDULE, {"schedule_seconds": (7,)}, (7,), 2),
        ({}, {"schedule_seconds": (7, 8)}, (7, 8), 3),
        (SCHEDULE, {"max_attempts": 100}, (5, 60, 600), 4),
        (SCHEDULE, {"max_attempts": 3}, (5, 60), 3),
        (SCHEDULE, {"max_attempts": 1}, (), 1),
        (SCHEDULE, {"initial_delay_seconds": 1}, (), 12),
        (SCHEDULE, {"factor": 1, "max_attempts": 3}, (), 3),
    ],
)
def test_a_schedule_has_one_attempt_more_than_delays_and_is_cut_or_replaced(
    retry: dict[str, Any], override: dict[str, Any] | None, schedule: tuple[int, ...], attempts: int
) -> None:
    merged = policy(retry, override)
    assert (merged.schedule_seconds, merged.max_attempts) == (schedule, attempts)


@pytest.mark.parametrize(
    ("override", "delays"),
    [
        ({"initial_delay_seconds": 60}, (60, 60)),
        ({"max_delay_seconds": 3}, (3, 3)),
        ({"initial_delay_seconds": 7}, (7, 10)),
        ({"max_delay_seconds": 100}, (5, 100)),
    ],
)
def test_where_delays_of_both_disagree_the_endpoints_gives_way(
    override: dict[str, Any], delays: tuple[int, int]
) -> None:
    merged = policy({"initialDelaySeconds": 5, "maxDelaySeconds": 10}, override)
    assert (merged.initial_delay_seconds, merged.max_delay_seconds) == delays


@given(
    initial=st.none() | st.integers(1, 86_400),
    longest=st.none() | st.integers(1, 604_800),
    attempts=st.none() | st.integers(1, 100),
)
def test_a_merged_policy_is_always_in_order(initial: int | None, longest: int | None, attempts: int | None) -> None:
    if initial is not None and longest is not None and initial > longest:
        return
    override = {"initial_delay_seconds": initial, "max_delay_seconds": longest, "max_attempts": attempts}
    for retry in ({}, SCHEDULE, {"initialDelaySeconds": 100, "maxDelaySeconds": 100}):
        merged = policy(retry, override)
        assert merged.initial_delay_seconds <= merged.max_delay_seconds
        assert merged.max_attempts <= (attempts or 100)
