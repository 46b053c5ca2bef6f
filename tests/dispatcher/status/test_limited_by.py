"""Each limit that status names, as a gate comes to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest

from jethook_contract.status import LimitedBy
from jethook_contract.target import Limits
from jethook_dispatcher.core.delivery_state import delivery_status
from jethook_dispatcher.core.gate import Gate
from jethook_dispatcher.core.standing import Standing
from tests.dispatcher.engine.gates import DELIVERED, NOW, answered, attempt, permit, target, trip, wait
from tests.dispatcher.status.conftest import OK
from tests.dispatcher.status.situations import situation

Made = tuple[Gate, float]


def _gate(**limits: int) -> Gate:
    return Gate(target(limits=Limits(**limits)), now=NOW)


def _disabled() -> Made:
    gate = _gate()
    gate.disable(reason="Gone", message="410")
    return gate, NOW


def _handshake() -> Made:
    gate = _gate()
    gate.refuse(True)
    return gate, NOW


def _circuit_breaker() -> Made:
    gate = _gate()
    trip(gate)
    return gate, NOW


def _retry_after() -> Made:
    gate = _gate()
    attempt(gate, answered(400, retry_after=60))
    return gate, NOW


def _throttling() -> Made:
    gate = _gate()
    attempt(gate, answered(429))
    return gate, NOW


def _slow_start() -> Made:
    gate, later = _gate(), NOW + 31
    trip(gate)
    attempt(gate, DELIVERED, now=later)
    return gate, later


def _requests_per_second() -> Made:
    gate = _gate(requests_per_second=1, burst=1)
    attempt(gate, DELIVERED, now=NOW + 1)
    wait(gate, now=NOW + 1)
    return gate, NOW + 1


def _max_in_flight() -> Made:
    gate = _gate(max_in_flight=1)
    permit(gate)
    wait(gate)
    return gate, NOW


WAYS: dict[LimitedBy, Callable[[], Made]] = {
    "Disabled": _disabled,
    "Handshake": _handshake,
    "CircuitBreaker": _circuit_breaker,
    "RetryAfter": _retry_after,
    "Throttling": _throttling,
    "SlowStart": _slow_start,
    "RequestsPerSecond": _requests_per_second,
    "MaxInFlight": _max_in_flight,
}


@pytest.mark.parametrize("limit", get_args(LimitedBy))
def test_status_names_the_limit_that_a_gate_has_come_to(limit: LimitedBy) -> None:
    gate, now = WAYS[limit]()
    standing = Standing(report=gate.report(now=now))
    assert delivery_status(situation(OK, standing=standing)).limited_by == limit


def test_a_gate_that_lets_everything_through_is_limited_by_nothing() -> None:
    gate = _gate()
    attempt(gate, DELIVERED)
    assert delivery_status(situation(OK, standing=Standing(report=gate.report(now=NOW)))).limited_by is None
