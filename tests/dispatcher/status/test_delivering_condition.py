"""What the condition `Delivering` says: what is wrong, how much of it, and what helps."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from jethook_contract.status import DeliveringCondition, DeliveryState, LastError
from jethook_dispatcher.core.counters import Counters
from jethook_dispatcher.core.delivery_state import delivering_condition, delivery_status
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.situation import Backlog, Fault, Situation
from tests.dispatcher.status.conftest import BUSY, LATE, OK, START, plan_part
from tests.dispatcher.status.situations import (
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
    with_targets,
)

THREE = with_targets("https://a.example.com/x", "https://b.example.com/x", "https://c.example.com/x")
GATEWAY = Outcome(kind="Retry", status_code=504, reason="HTTPStatus", message="Gateway Timeout")


def unreadable() -> Counters:
    counters = Counters()
    counters.last_error = LastError(reason="NotParsed", time=START, message="the event has no id")
    return counters


SAYINGS = [
    (
        situation(parts=()),
        *("Unknown", "Pending"),
        "the operator has not completed the plan yet",
    ),
    (situation(parts=(WITHHELD,)), *("Unknown", "SecretNotFound"), 'Secret "crm-signing" is missing'),
    (
        situation(fault=Fault(reason="BadSigningKey", message="a signing key is no base64")),
        *("False", "BadSigningKey"),
        "a signing key is no base64",
    ),
    (
        situation(standing=standing(limited_by="Handshake")),
        *("Unknown", "HandshakePending"),
        "the receiver has not been asked for consent yet",
    ),
    (
        situation(standing=standing(limited_by="Handshake", handshake=shake("Pending", "503 without it"))),
        *("False", "HandshakePending"),
        "503 without it",
    ),
    (
        situation(standing=standing(limited_by="Handshake", handshake=shake("Refused", "no consent"))),
        *("False", "HandshakeRefused"),
        "no consent",
    ),
    (
        situation(parts=(SUSPENDED,), backlog=Backlog(pending=40, unacknowledged=2)),
        *("False", "Suspended"),
        "suspended (spec.suspend here or of every Subscription); 42 events wait",
    ),
    (
        situation(parts=(SUSPENDED,), backlog=Backlog(pending=1), kind="Subscription"),
        *("False", "Suspended"),
        "suspended (spec.suspend here or of the endpoint); 1 event waits",
    ),
    (
        situation(standing=standing(limited_by="Disabled", disabled=GONE)),
        *("False", "Disabled"),
        (
            "the receiver answered 410: it takes no more events; to resume, change the endpoint's spec, or give its "
            "annotation jethook.io/resume another value: kubectl -n shop annotate whe crm --overwrite "
            "jethook.io/resume=again"
        ),
    ),
    (
        situation(standing=standing(limited_by="Disabled", disabled=GONE), parts=(plan_part(endpoint_uid=""),)),
        *("False", "Disabled"),
        (
            "the receiver answered 410: it takes no more events; to resume, change the endpoint's spec, or give its "
            "annotation jethook.io/resume another value"
        ),
    ),
    (
        situation(*[BUSY] * 14, standing=open_circuit()),
        *("False", "CircuitOpen"),
        "503 from crm.example.com (14 failures within a minute); next probe 10:42:10Z, pauses grow to 15m",
    ),
    (
        situation(LATE, standing=open_circuit(pause_seconds=900)),
        *("False", "CircuitOpen"),
        "crm.example.com: no complete answer within 15 s; next probe 10:42:10Z, then every 15m",
    ),
    (
        situation(LATE, standing=open_circuit(circuit="HalfOpen")),
        *("False", "CircuitOpen"),
        "crm.example.com: no complete answer within 15 s; the next attempt is a probe",
    ),
    (
        situation(parked=blocked(812)),
        *("False", "KeyBlocked"),
        (
            "all places are taken: 812 keys in hand cannot go on before their first event is delivered, given up or "
            "skipped (`jethook skip`)"
        ),
    ),
    (
        situation(OK, BUSY, full=True, backlog=Backlog(unacknowledged=20_000)),
        *("False", "RetryBacklogFull"),
        "20000 events are in back-off or in flight, so new ones wait; 503 from crm.example.com",
    ),
    (
        situation(OK, counters=refused(seconds_ago=10)),
        *("False", "DeadLettersFull"),
        (
            "the dead letters have no room, so events that failed for good wait; look, then redrive or delete some: "
            "jethook dead-letters list -n shop"
        ),
    ),
    (
        situation(*[BUSY] * 14),
        *("False", "HTTPStatus"),
        "503 from crm.example.com (14 failures within a minute); nothing has succeeded yet",
    ),
    (
        situation(OK, *[LATE] * 10),
        *("False", "Timeout"),
        (
            "crm.example.com: no complete answer within 15 s (10 failures within a minute); "
            "nothing has succeeded since 2026-11-24 10:00:00Z"
        ),
    ),
    (
        situation(OK, BUSY, standing=standing(limited_by="RetryAfter")),
        *("True", "Throttled"),
        "503 from crm.example.com; the receiver asked for a pause (Retry-After)",
    ),
    (
        situation(OK, GATEWAY, standing=standing(limited_by="Throttling"), parts=(THREE,)),
        *("True", "Throttled"),
        "504 from one of 3 targets; the rate was lowered, and comes back by itself",
    ),
    (
        situation(OK, backlog=Backlog(pending=70_000, nearly_full=True)),
        *("True", "NearlyFull"),
        (
            "the namespace's events stream is four fifths full and 70000 events wait here; when it is full, publishers "
            "are refused (spec.backlog bounds what may wait)"
        ),
    ),
    (
        situation(*[OK] * 41, *[BUSY] * 9),
        *("True", "Degraded"),
        "82 % of 50 attempts in 5 minutes succeeded; 503 from crm.example.com (9 failures within a minute)",
    ),
    (
        situation(OK, standing=standing(targets=3, open_targets=1), parts=(THREE,)),
        *("True", "Degraded"),
        "1 of 3 targets left out, since their circuit is open",
    ),
    (
        situation(OK, counters=given_up(1)),
        *("True", "Degraded"),
        "1 event was given up in the last 5 minutes (jethook dead-letters list -n shop)",
    ),
    (
        situation(*[OK] * 17, *[BUSY] * 3, counters=given_up(2), standing=standing(targets=2, open_targets=1)),
        *("True", "Degraded"),
        (
            "85 % of 20 attempts in 5 minutes succeeded; 503 from crm.example.com (3 failures within a minute); 1 of 2 "
            "targets left out, since their circuit is open; 2 events were given up in the last 5 minutes (jethook "
            "dead-letters list -n shop)"
        ),
    ),
    (situation(), *("Unknown", "Idle"), "nothing was sent yet"),
    (situation(OK), *("True", "Delivering"), "delivering to crm.example.com"),
    (situation(OK, parts=(THREE,)), *("True", "Delivering"), "delivering to 3 targets"),
    (
        situation(counters=unreadable(), standing=open_circuit()),
        *("False", "CircuitOpen"),
        "NotParsed: the event has no id; next probe 10:42:10Z, pauses grow to 15m",
    ),
]


@pytest.mark.parametrize(("given", "status", "reason", "message"), SAYINGS)
def test_saying(given: Situation, status: str, reason: str, message: str) -> None:
    condition = delivering_condition(given, previous=None)
    assert (condition.status, condition.reason, condition.message) == (status, reason, message)
    assert condition.last_transition_time == START


def test_every_state_has_its_saying() -> None:
    assert {delivery_status(given).state for given, *_ in SAYINGS} == set(get_args(DeliveryState))


@pytest.mark.parametrize("given", [given for given, *_ in SAYINGS])
def test_no_message_shows_userinfo_or_query(given: Situation) -> None:
    message = delivering_condition(given, previous=None).message
    assert not any(secret in message for secret in ("user", "pw", "token"))


@pytest.mark.parametrize(
    "given", [situation(*[BUSY] * 14, standing=open_circuit(circuit=circuit)) for circuit in ("Open", "HalfOpen")]
)
def test_an_open_circuit_at_which_nothing_happens_reads_the_same_an_hour_later(given: Situation) -> None:
    moments = [timedelta(), timedelta(seconds=61), timedelta(hours=1)]
    later = [situation(*[BUSY] * 14, standing=given.standing, at=START + span) for span in moments]
    assert len({delivering_condition(one, previous=None).message for one in later}) == 1


@pytest.mark.parametrize(("outcome", "moved"), [(OK, True), (LATE, False)])
def test_transition_time_changes_with_the_status_only(outcome: Outcome, moved: bool) -> None:  # noqa: FBT001
    earlier = START - timedelta(hours=1)
    previous = DeliveringCondition(status="False", reason="HTTPStatus", last_transition_time=earlier)
    condition = delivering_condition(situation(outcome), previous=previous)
    assert condition.last_transition_time == (START if moved else earlier)


def test_condition_names_the_generation_of_its_own_object() -> None:
    assert delivering_condition(situation(), previous=None).observed_generation == 4
    assert delivering_condition(situation(kind="Subscription"), previous=None).observed_generation == 1
