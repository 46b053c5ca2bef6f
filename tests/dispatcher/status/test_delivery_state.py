"""Which state a situation is in: each one by itself, and which of several is shown."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from typing import Any, get_args

import pytest

from jethook_contract.status import DeliveryState, LimitedBy
from jethook_dispatcher.core.counters import Counters
from jethook_dispatcher.core.delivery_state import PRECEDENCE, delivery_status, state_of
from jethook_dispatcher.core.situation import Backlog, Fault, Situation
from jethook_dispatcher.core.tracked import Tracked, subscription_key
from tests.dispatcher.status.conftest import BUSY, OK, START
from tests.dispatcher.status.situations import (
    ACTIVE,
    GONE,
    SUSPENDED,
    WITHHELD,
    blocked,
    given_up,
    open_circuit,
    refused,
    shake,
    situation,
    standing,
)

FAULT = Fault(reason="BadSigningKey", message="no base64")
FULL_STREAM = Backlog(pending=1, nearly_full=True)
PARTLY = [OK] * 17 + [BUSY] * 3

STATES: list[tuple[DeliveryState, Situation]] = [
    ("Suspended", situation(parts=(SUSPENDED,))),
    ("Suspended", situation(parts=(SUSPENDED, WITHHELD))),
    ("Suspended", situation(BUSY, parts=(SUSPENDED,))),
    ("Pending", situation(parts=())),
    ("Pending", situation(parts=(WITHHELD,))),
    ("Pending", situation(OK, fault=FAULT)),
    ("Pending", situation(OK, standing=standing(limited_by="Handshake"))),
    ("Pending", situation(OK, standing=standing(limited_by="Handshake", handshake=shake("Refused")))),
    ("Disabled", situation(OK, standing=standing(limited_by="Disabled", disabled=GONE))),
    ("CircuitOpen", situation(OK, standing=open_circuit())),
    ("CircuitOpen", situation(OK, standing=open_circuit(circuit="HalfOpen"))),
    ("KeyBlocked", situation(OK, parked=blocked())),
    ("RetryBacklogFull", situation(OK, full=True)),
    ("DeadLettersFull", situation(OK, counters=refused(seconds_ago=10))),
    ("Failing", situation(BUSY)),
    ("Failing", situation(OK, *[BUSY] * 10)),
    ("Throttled", situation(OK, standing=standing(limited_by="Throttling"))),
    ("Throttled", situation(OK, standing=standing(limited_by="RetryAfter"))),
    ("NearlyFull", situation(OK, backlog=FULL_STREAM)),
    ("Degraded", situation(*PARTLY)),
    ("Degraded", situation(OK, standing=standing(targets=3, open_targets=1))),
    ("Degraded", situation(OK, counters=given_up(1))),
    ("Idle", situation()),
    ("Healthy", situation(OK)),
    ("Healthy", situation(OK, BUSY)),
    ("Healthy", situation(OK, parts=(SUSPENDED, ACTIVE))),
    ("Healthy", situation(OK, standing=standing())),
    ("Healthy", situation(*PARTLY, standing=standing(limited_by="SlowStart"))),
    ("Healthy", situation(OK, counters=refused(seconds_ago=200))),
    ("Healthy", situation(OK, counters=given_up(3, seconds_ago=320))),
    ("Healthy", situation(OK, counters=given_up(3, reason="Skipped"))),
]


@pytest.mark.parametrize(("state", "given"), STATES)
def test_state(state: DeliveryState, given: Situation) -> None:
    assert state_of(given) == state
    assert delivery_status(given).state == state


def test_every_state_of_the_contract_is_given_and_stands_in_its_order_of_precedence() -> None:
    assert tuple(state for state, _ in PRECEDENCE) == get_args(DeliveryState)
    assert {state for state, _ in STATES} == set(get_args(DeliveryState))


# What each state needs; all but the first, Healthy and Idle can hold at the same time.
CAUSES: dict[DeliveryState, dict[str, Any]] = {
    "Disabled": {"disabled": GONE},
    "CircuitOpen": {"circuit": "Open"},
    "KeyBlocked": {"parked": blocked()},
    "RetryBacklogFull": {"full": True},
    "DeadLettersFull": {"refused": True},
    "Failing": {"failing": True},
    "Throttled": {"limited_by": "Throttling"},
    "NearlyFull": {"backlog": FULL_STREAM},
    "Degraded": {"buried": True},
}


@pytest.mark.parametrize(("first", "second"), list(combinations(CAUSES, 2)))
def test_of_two_states_that_hold_the_one_that_comes_first_is_shown(first: DeliveryState, second: DeliveryState) -> None:
    given = {**CAUSES[first], **CAUSES[second]}
    counters = given_up(1) if given.pop("buried", False) else Counters()
    if given.pop("refused", False):
        counters.dead_letters_refused_at = START
    history = [BUSY] if given.pop("failing", False) else [OK]
    gate = {name: given.pop(name) for name in ("disabled", "circuit", "limited_by") if name in given}
    assert state_of(situation(*history, counters=counters, standing=standing(**gate), **given)) == first


# What each limit makes of an endpoint that is well otherwise.
LIMITS: dict[LimitedBy, tuple[DeliveryState, dict[str, Any]]] = {
    "Disabled": ("Disabled", {"disabled": GONE}),
    "Handshake": ("Pending", {}),
    "CircuitBreaker": ("CircuitOpen", {"circuit": "Open"}),
    "RetryAfter": ("Throttled", {}),
    "Throttling": ("Throttled", {}),
    "SlowStart": ("Healthy", {}),
    "RequestsPerSecond": ("Healthy", {}),
    "MaxInFlight": ("Healthy", {}),
}


@pytest.mark.parametrize("limit", get_args(LimitedBy))
def test_every_limit_is_shown_with_its_state(limit: LimitedBy) -> None:
    state, report = LIMITS[limit]
    status = delivery_status(situation(OK, standing=standing(limited_by=limit, **report)))
    assert (status.state, status.limited_by) == (state, limit)


@pytest.mark.parametrize(
    ("minutes", "waiting", "state"), [(4, 0, "Degraded"), (6, 0, "Healthy"), (6, 1, "Degraded"), (600, 1, "Degraded")]
)
def test_failures_of_long_ago_count_only_while_something_waits(minutes: int, waiting: int, state: str) -> None:
    later = situation(*PARTLY, at=START + timedelta(minutes=minutes), backlog=Backlog(unacknowledged=waiting))
    assert state_of(later) == state


@pytest.mark.parametrize(("unacknowledged", "state"), [(19_999, "Healthy"), (20_000, "RetryBacklogFull")])
def test_a_consumer_that_has_handed_out_all_it_may_is_full(unacknowledged: int, state: DeliveryState) -> None:
    tracked = Tracked(subscription_key(ACTIVE), part=ACTIVE)
    tracked.counters.attempted(OK, attempt=1, ended_at=START, next_attempt_at=None, now=0.0)
    tracked.put_backlog(ACTIVE, backlog=Backlog(unacknowledged=unacknowledged))
    assert tracked.record(at=START, now=0.0).delivery.state == state


def test_backlogs_add_up_and_the_oldest_wins() -> None:
    one = Backlog(pending=1, unacknowledged=2, in_flight=2, oldest_stored_at=START)
    other = Backlog(pending=10, oldest_stored_at=START - timedelta(hours=1), nearly_full=True)
    total = Backlog.sum_of([one, other, Backlog()])
    assert (total.events, total.in_flight, total.nearly_full) == (13, 2, True)
    assert total.oldest_stored_at == START - timedelta(hours=1)
