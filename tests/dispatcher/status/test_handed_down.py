"""What a new owner shows before it has seen something itself: what the former one left, and no moment of another."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jethook_contract.plan import PlanPart
from jethook_contract.status import DeliveringCondition, DeliveryState, DeliveryStatus, StatusRecord
from jethook_dispatcher.core.counters import Counters, Totals
from jethook_dispatcher.core.delivery_state import delivering_condition, delivery_status, state_of
from jethook_dispatcher.core.situation import Backlog
from jethook_dispatcher.core.standing import Standing
from jethook_dispatcher.core.tracked import Tracked, endpoint_key
from tests.dispatcher.status.conftest import BUSY, OK, START
from tests.dispatcher.status.situations import (
    ACTIVE,
    GONE,
    PROBE_AT,
    SUSPENDED,
    open_circuit,
    shake,
    situation,
    standing,
)

EARLIER = START - timedelta(hours=1)


def left(state: DeliveryState, **more: object) -> Counters:
    counters = Counters()
    stored = DeliveryStatus(state=state, last_delivery_time=EARLIER, last_attempt_time=EARLIER)
    counters.rebase(stored.model_copy(update=more), persisted=Totals())
    return counters


@pytest.mark.parametrize(
    ("state", "gate", "shown"),
    [
        ("Disabled", None, "Disabled"),
        ("Disabled", standing(limited_by="Disabled", disabled=GONE), "Disabled"),
        ("Disabled", standing(), "Healthy"),  # the spec has changed meanwhile
        ("CircuitOpen", None, "CircuitOpen"),
        ("CircuitOpen", standing(), "Healthy"),
        ("Throttled", None, "Throttled"),
        ("Pending", None, "Pending"),  # the handshake
        ("Pending", standing(handshake=shake("Allowed")), "Healthy"),
        ("Healthy", open_circuit(), "CircuitOpen"),
        ("Failing", None, "Failing"),
        ("KeyBlocked", None, "Healthy"),
        ("NearlyFull", None, "Healthy"),
        ("Idle", None, "Healthy"),
    ],
)
def test_what_a_gate_gave_stands_until_the_gate_here_has_told_of_itself(
    state: DeliveryState, gate: Standing | None, shown: DeliveryState
) -> None:
    assert state_of(situation(counters=left(state), standing=gate)) == shown


@pytest.mark.parametrize(("part", "shown"), [(ACTIVE, "Disabled"), (SUSPENDED, "Suspended")])
def test_a_graver_state_that_is_known_here_comes_first(part: PlanPart, shown: DeliveryState) -> None:
    assert state_of(situation(counters=left("Disabled"), parts=(part,))) == shown


def test_the_fields_that_a_gate_gives_stand_with_it() -> None:
    counters = left(
        "CircuitOpen", limited_by="CircuitBreaker", allowed_requests_per_second=3, next_attempt_time=PROBE_AT
    )
    status = delivery_status(situation(counters=counters, backlog=Backlog(pending=4)))
    assert (status.limited_by, status.allowed_requests_per_second) == ("CircuitBreaker", 3)
    assert status.next_attempt_time == PROBE_AT
    later = delivery_status(situation(counters=counters, standing=standing()))
    assert (later.limited_by, later.allowed_requests_per_second, later.next_attempt_time) == (None, None, None)


@pytest.mark.parametrize("state", ["CircuitOpen", "Degraded"])
def test_the_condition_reads_as_it_did_until_something_is_known_here(state: DeliveryState) -> None:
    previous = DeliveringCondition(status="False", reason=state, message="as it was", last_transition_time=EARLIER)
    counters, waiting = left(state), Backlog(pending=1)
    condition = delivering_condition(situation(counters=counters, backlog=waiting), previous=previous)
    assert condition == previous.model_copy(update={"observed_generation": 4})
    seen = delivering_condition(situation(BUSY, counters=counters, standing=open_circuit()), previous=previous)
    assert seen.message != "as it was"


def test_a_hand_over_of_an_object_at_which_nothing_happens_changes_no_word() -> None:
    first = Tracked(endpoint_key(ACTIVE), part=ACTIVE)
    first.loaded(None, revision=0)
    for outcome in (OK, *[BUSY] * 9):
        first.counters.attempted(outcome, attempt=1, ended_at=START, next_attempt_at=None, now=0.0)
    first.put_standing(open_circuit())
    first.put_backlog(ACTIVE, backlog=Backlog(pending=5))
    stored = first.record(at=START, now=0.0)
    second = Tracked(endpoint_key(ACTIVE), part=ACTIVE)
    second.loaded(StatusRecord.decode(stored.encode()), revision=1)
    taken_over = second.record(at=START + timedelta(minutes=1), now=7.0)
    assert taken_over.condition == stored.condition
    assert taken_over.delivery.state == "CircuitOpen"
    assert taken_over.delivery.limited_by == "CircuitBreaker"
    second.put_standing(standing())
    assert second.record(at=START + timedelta(minutes=1), now=8.0).delivery.state == "Healthy"


def just_taken(state: DeliveryState) -> Tracked:
    """Make an object that was just taken over, of which the former owner stored this state."""
    tracked = Tracked(endpoint_key(ACTIVE), part=ACTIVE)
    record = tracked.record(at=START, now=0.0)
    tracked.loaded(record.model_copy(update={"delivery": DeliveryStatus(state=state, backlog=7)}), revision=1)
    tracked.put_standing(standing())
    return tracked


@pytest.mark.parametrize("state", ["NearlyFull", "RetryBacklogFull"])
def test_a_full_backlog_stands_until_the_consumer_was_looked_at_here(state: DeliveryState) -> None:
    tracked = just_taken(state)
    assert tracked.record(at=START, now=1.0).delivery.state == state
    tracked.put_backlog(ACTIVE, backlog=Backlog(pending=3))
    assert tracked.record(at=START, now=2.0).delivery.state not in {"NearlyFull", "RetryBacklogFull"}
