"""Gates, and what comes back through them."""

from __future__ import annotations

from jethook_contract.target import BreakerPolicy, Limits, Target, TargetUrl
from jethook_dispatcher.core.answers import OutcomeKind
from jethook_dispatcher.core.gate import Gate, Permit, Wait
from jethook_dispatcher.core.outcome import Outcome

NOW = 1000.0
DELIVERED = Outcome(kind="Delivered", status_code=200)


def answered(status: int, *, retry_after: int | None = None) -> Outcome:
    """Make the outcome of a status."""
    reason = "" if status < 300 else "HTTPStatus"
    kind: OutcomeKind = "Delivered" if status < 300 else "Retry"
    return Outcome(kind=kind, status_code=status, reason=reason, retry_after_seconds=retry_after)


def faulty(reason: str) -> Outcome:
    """Make the outcome of an attempt without an answer."""
    return Outcome(kind="Retry", reason=reason)


def target(
    *weights: int,
    limits: Limits = Limits(),  # noqa: B008 -- frozen
    breaker: BreakerPolicy = BreakerPolicy(),  # noqa: B008 -- frozen
) -> Target:
    """Make a target with as many URLs as weights; one without any."""
    urls = tuple(TargetUrl(url=f"https://r{n}.example", weight=weight) for n, weight in enumerate(weights or (1,)))
    return Target(urls=urls, limits=limits, breaker=breaker)


def permit(gate: Gate, *, now: float = NOW) -> Permit:
    """Enter, which must be allowed."""
    found = gate.enter(now=now)
    assert isinstance(found, Permit), found
    return found


def wait(gate: Gate, *, now: float = NOW) -> Wait:
    """Enter, which must not be allowed."""
    found = gate.enter(now=now)
    assert isinstance(found, Wait), found
    return found


def attempt(gate: Gate, outcome: Outcome, *, now: float = NOW) -> None:
    """Make one whole attempt."""
    gate.leave(permit(gate, now=now), outcome=outcome, now=now)


def trip(gate: Gate, *, now: float = NOW, times: int = 20) -> None:
    """Let so many attempts fail."""
    for _ in range(times):
        attempt(gate, answered(500), now=now)
