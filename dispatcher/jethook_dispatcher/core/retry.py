"""When to try an event again, and when to stop: the one owner of retries (design section 6).

The delay before attempt n+1 is `initial * factor^(n-1)`, at most `max`, spread evenly by plus or minus the jitter. A
schedule is obeyed as it is written, without jitter: its author wrote the moments, and what comes back together is
bounded by the endpoint's limits. What the receiver asks for in `Retry-After` is obeyed exactly, up to the event's
remaining age.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jethook_contract.plan import RetryPolicy

GiveUpReason = Literal["AttemptsExhausted", "AgeExceeded"]


@dataclass(frozen=True, slots=True)
class Delay:
    """Try again after that many seconds, 0 or more."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Put the event to the dead letters, for this reason."""

    reason: GiveUpReason


def next_delay(
    policy: RetryPolicy, *, attempt: int, random: float, retry_after_seconds: float | None, age_seconds: float
) -> Delay | GiveUp:
    """Decide after attempt number `attempt` (from 1) has just failed.

    `random`: from 0 up to but excluding 1. `retry_after_seconds`: what the answer asked for, None for nothing.
    `age_seconds`: since JetStream stored the event; a clock that runs behind may make it negative, which is 0 here.
    A delay never reaches past the age at which the event expires: the last attempt then falls on that moment.
    """
    if attempt >= max_attempts(policy):
        return GiveUp("AttemptsExhausted")
    remaining = policy.max_age_seconds - max(0.0, age_seconds)
    if remaining <= 0:
        return GiveUp("AgeExceeded")
    wanted = _jittered(policy, attempt=attempt, random=random) if retry_after_seconds is None else retry_after_seconds
    return Delay(min(max(0.0, wanted), remaining))


def max_attempts(policy: RetryPolicy) -> int:
    """Give the number of attempts an event has at most: with a schedule, one more than it has delays."""
    return len(policy.schedule_seconds) + 1 if policy.schedule_seconds else policy.max_attempts


def base_delay_seconds(policy: RetryPolicy, *, attempt: int) -> float:
    """Give the delay after attempt number `attempt` (from 1) without jitter; past a schedule's end its last one."""
    if policy.schedule_seconds:
        return float(policy.schedule_seconds[min(attempt, len(policy.schedule_seconds)) - 1])
    ceiling = float(policy.max_delay_seconds)
    try:
        return min(float(policy.initial_delay_seconds) * float(policy.factor) ** (attempt - 1), ceiling)
    except OverflowError:
        return ceiling


def _jittered(policy: RetryPolicy, *, attempt: int, random: float) -> float:
    if policy.schedule_seconds:
        return base_delay_seconds(policy, attempt=attempt)
    spread = policy.jitter_percent / 100.0 * (2.0 * random - 1.0)
    return base_delay_seconds(policy, attempt=attempt) * (1.0 + spread)
