"""Situations as tables write them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from jethook_contract.plan import PlanPart
from jethook_contract.status import HandshakeStatus, LimitedBy, ParkedKey
from jethook_contract.target import BreakerPolicy, TargetUrl
from jethook_dispatcher.core.counters import Counters
from jethook_dispatcher.core.gate_values import Disabled, GateReport
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.situation import Backlog, Kind, Situation
from jethook_dispatcher.core.standing import ParkedKeys, Standing
from tests.dispatcher.status.conftest import START, plan_part

ACTIVE = plan_part()
SUSPENDED = plan_part(state="Suspended")
WITHHELD = plan_part(state="Withheld", reason="SecretNotFound", message='Secret "crm-signing" is missing')
CLOSED = GateReport(
    limited_by=None,
    circuit="Closed",
    open_targets=0,
    targets=1,
    next_probe_in_seconds=None,
    pause_seconds=30,
    allowed_requests_per_second=None,
    disabled=None,
)
GONE = Disabled("Gone", "the receiver answered 410: it takes no more events")
PROBE_AT = START + timedelta(minutes=42, seconds=10)
KEY = ParkedKey(key="order-17", sequence=41, event_id="17-2", attempts=3, waiting=2)


def situation(
    *history: Outcome, parts: tuple[PlanPart, ...] = (ACTIVE,), kind: Kind = "WebhookEndpoint", **more: Any
) -> Situation:
    """Make one after attempts that all ended at START, which is now unless `at` says otherwise."""
    counters = more.pop("counters", None) or Counters()
    for outcome in history:
        counters.attempted(outcome, attempt=1, ended_at=START, next_attempt_at=None, now=0.0)
    at = more.pop("at", START)
    given = {"backlog": Backlog(), "at": at, "now": (at - START).total_seconds(), **more}
    return Situation(kind=kind, parts=parts, counters=counters, **given)


def standing(
    *,
    limited_by: LimitedBy | None = None,
    handshake: HandshakeStatus | None = None,
    next_probe_at: datetime | None = None,
    **report: Any,
) -> Standing:
    """Say how a gate stands: it lets everything through unless told otherwise."""
    return Standing(
        report=replace(CLOSED, limited_by=limited_by, **report), next_probe_at=next_probe_at, handshake=handshake
    )


def open_circuit(**more: Any) -> Standing:
    """Say that the circuit is open."""
    given = {"circuit": "Open", "open_targets": 1, "next_probe_at": PROBE_AT, **more}
    return standing(limited_by="CircuitBreaker", **given)


def shake(state: str, message: str = "") -> HandshakeStatus:
    """Make the result of a handshake."""
    return HandshakeStatus.model_validate({"state": state, "time": START, "message": message})


def blocked(count: int = 1000) -> ParkedKeys:
    """Park so many keys, all places taken."""
    return ParkedKeys(keys=(KEY,), count=count, blocked=True)


def refused(*, seconds_ago: float) -> Counters:
    """Count a refusal by the dead letters."""
    counters = Counters()
    counters.dead_letters_refused_at = START - timedelta(seconds=seconds_ago)
    return counters


def given_up(count: int, *, reason: str = "AttemptsExhausted", seconds_ago: float = 10.0) -> Counters:
    """Count dead letters."""
    counters = Counters()
    for _ in range(count):
        counters.buried(reason=reason, message="x", at=START - timedelta(seconds=seconds_ago))
    return counters


def with_targets(*urls: str, longest: int = 900) -> PlanPart:
    """Make a part that sends to these URLs."""
    target = ACTIVE.target
    assert target is not None
    changes = {"urls": tuple(TargetUrl(url=url) for url in urls), "breaker": BreakerPolicy(max_open_seconds=longest)}
    return ACTIVE.model_copy(update={"target": target.model_copy(update=changes)})
