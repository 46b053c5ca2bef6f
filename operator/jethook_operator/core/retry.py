"""The retry policy of a Subscription: its endpoint's, with what it sets differently."""

from __future__ import annotations

from jethook_contract.plan import RetryPolicy
from jethook_operator.api.retry import Retry, RetryOverride
from jethook_operator.api.webhookendpoint import WebhookEndpoint

_NOTHING = RetryOverride()


def retry_policy(
    endpoint: WebhookEndpoint, *, override: RetryOverride | None, backlog_max_age_seconds: int
) -> RetryPolicy:
    """Merge an endpoint's `retry` with a Subscription's; what the latter sets wins.

    `override`: None for none. A schedule has one attempt more than delays. `initialDelaySeconds`, `factor` or
    `maxDelaySeconds` of the override replace a schedule of the endpoint, `maxAttempts` alone cuts it short. The age is
    at most `backlog_max_age_seconds`: past that the event is a dead letter anyway (design section 3).
    """
    own, retry = override or _NOTHING, endpoint.spec.retry
    schedule = _schedule(own, retry=retry)
    initial, longest = _delays(own, retry=retry)
    return RetryPolicy(
        max_attempts=len(schedule) + 1 if schedule else _first(own.max_attempts, retry.max_attempts),
        initial_delay_seconds=initial,
        factor=_first(own.factor, retry.factor),
        max_delay_seconds=longest,
        jitter_percent=_first(own.jitter_percent, retry.jitter_percent),
        max_age_seconds=min(_first(own.max_age_seconds, retry.max_age_seconds), backlog_max_age_seconds),
        schedule_seconds=schedule,
    )


def _schedule(own: RetryOverride, *, retry: Retry) -> tuple[int, ...]:
    if own.schedule_seconds is not None:
        return own.schedule_seconds
    if (own.initial_delay_seconds, own.factor, own.max_delay_seconds) != (None, None, None):
        return ()
    schedule = retry.schedule_seconds or ()
    return schedule if own.max_attempts is None else schedule[: own.max_attempts - 1]


def _delays(own: RetryOverride, *, retry: Retry) -> tuple[int, int]:
    """Give the first and the longest delay; where the two halves disagree, the endpoint's gives way."""
    initial = _first(own.initial_delay_seconds, retry.initial_delay_seconds)
    longest = _first(own.max_delay_seconds, retry.max_delay_seconds)
    if own.max_delay_seconds is not None:
        return min(initial, longest), longest
    return initial, max(initial, longest)


def _first(own: int | None, inherited: int) -> int:
    return inherited if own is None else own
