"""What users see for each situation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jethook_contract.plan import PlanPart
from jethook_contract.status import DeliveringCondition
from jethook_dispatcher.core.counters import Counters
from jethook_dispatcher.core.delivery_state import (
    Backlog,
    Fault,
    Kind,
    Situation,
    delivering_condition,
    delivery_status,
    state_of,
)
from jethook_dispatcher.core.outcome import Outcome
from tests.dispatcher.status.conftest import BUSY, LATE, OK, START, plan_part

ACTIVE = plan_part()
SUSPENDED = plan_part(state="Suspended")
WITHHELD = plan_part(state="Withheld", reason="SecretNotFound", message='Secret "crm-signing" is missing')


def situation(
    *history: Outcome, parts: tuple[PlanPart, ...] = (ACTIVE,), kind: Kind = "WebhookEndpoint", **more: Any
) -> Situation:
    counters = more.pop("counters", None) or Counters()
    for outcome in history:
        counters.attempted(outcome, attempt=1, ended_at=START, next_attempt_at=None, now=0.0)
    backlog = more.pop("backlog", Backlog())
    return Situation(kind=kind, parts=parts, counters=counters, backlog=backlog, at=START, now=0.0, **more)


def refused(*, seconds_ago: float) -> Counters:
    counters = Counters()
    counters.dead_letters_refused_at = START - timedelta(seconds=seconds_ago)
    return counters


@pytest.mark.parametrize(
    ("given", "state", "status", "reason", "message"),
    [
        (situation(parts=()), "Pending", "Unknown", "Pending", "the operator has not completed the plan yet"),
        (situation(parts=(WITHHELD,)), "Pending", "Unknown", "SecretNotFound", 'Secret "crm-signing" is missing'),
        (
            situation(parts=(SUSPENDED,), backlog=Backlog(pending=40, unacknowledged=2)),
            "Suspended",
            "False",
            "Suspended",
            "suspended (spec.suspend); 42 events wait",
        ),
        (situation(parts=(SUSPENDED, WITHHELD)), "Suspended", "False", "Suspended", None),
        (situation(BUSY, parts=(SUSPENDED,)), "Suspended", "False", "Suspended", None),
        (situation(OK, parts=(SUSPENDED, ACTIVE)), "Healthy", "True", "Delivering", None),
        (situation(), "Idle", "Unknown", "Idle", "nothing was sent yet"),
        (situation(OK), "Healthy", "True", "Delivering", "delivering to crm.example.com"),
        (situation(OK, BUSY), "Healthy", "True", "Delivering", None),
        (
            situation(*[BUSY] * 14),
            "Failing",
            "False",
            "HTTPStatus",
            "503 from crm.example.com (14 in the last minute)",
        ),
        (
            situation(LATE),
            "Failing",
            "False",
            "Timeout",
            "crm.example.com: no complete answer within 15 s (1 in the last minute)",
        ),
        (
            situation(fault=Fault(reason="BadSigningKey", message="a signing key is no base64")),
            "Pending",
            "False",
            "BadSigningKey",
            "a signing key is no base64",
        ),
        (
            situation(OK, BUSY, full=True),
            "RetryBacklogFull",
            "False",
            "RetryBacklogFull",
            "20000 events are in back-off, new ones wait; 503 from crm.example.com (1 in the last minute)",
        ),
        (situation(OK, counters=refused(seconds_ago=10)), "Failing", "False", "DeadLettersFull", None),
        (situation(OK, counters=refused(seconds_ago=200)), "Healthy", "True", "Delivering", None),
    ],
)
def test_situation(given: Situation, state: str, status: str, reason: str, message: str | None) -> None:
    assert state_of(given) == state
    condition = delivering_condition(given, previous=None)
    assert (condition.status, condition.reason) == (status, reason)
    if message is not None:
        assert condition.message == message
    assert condition.last_transition_time == START


def test_no_message_shows_userinfo_or_query() -> None:
    for given in (situation(OK), situation(BUSY), situation(LATE), situation(BUSY, full=True)):
        message = delivering_condition(given, previous=None).message
        assert not any(secret in message for secret in ("user", "pw", "token"))


@pytest.mark.parametrize(("outcome", "moved"), [(OK, True), (LATE, False)])
def test_transition_time_changes_with_the_status_only(outcome: Outcome, moved: bool) -> None:  # noqa: FBT001
    earlier = START - timedelta(hours=1)
    previous = DeliveringCondition(status="False", reason="HTTPStatus", last_transition_time=earlier)
    condition = delivering_condition(situation(outcome), previous=previous)
    assert condition.last_transition_time == (START if moved else earlier)


def test_condition_names_the_generation_of_its_own_object() -> None:
    assert delivering_condition(situation(), previous=None).observed_generation == 4
    assert delivering_condition(situation(kind="Subscription"), previous=None).observed_generation == 1


def test_endpoint_has_all_fields_and_a_subscription_those_of_its_schema() -> None:
    counters = Counters()
    later = START + timedelta(seconds=5.7)
    counters.attempted(OK, attempt=1, ended_at=START, next_attempt_at=None, now=0.0)
    counters.attempted(BUSY, attempt=2, ended_at=START, next_attempt_at=later, now=0.0)
    backlog = Backlog(pending=1, unacknowledged=2, in_flight=1, oldest_stored_at=START + timedelta(seconds=1.5))
    endpoint = delivery_status(situation(counters=counters, backlog=backlog))
    common = {
        "state": "Healthy",
        "delivered": 1,
        "retried": 1,
        "failedAttempts": 1,
        "deadLettered": 0,
        "backlog": 3,
        "oldestUndeliveredTime": "2026-11-24T10:00:01Z",
        "lastDeliveryTime": "2026-11-24T10:00:00Z",
        "lastError": {
            "reason": "HTTPStatus",
            "statusCode": 503,
            "time": "2026-11-24T10:00:00Z",
            "message": "Service Unavailable",
        },
    }
    more = {
        "inFlight": 1,
        "successPercent": 50,
        "lastAttemptTime": "2026-11-24T10:00:00Z",
        "nextAttemptTime": "2026-11-24T10:00:05Z",
        "p50Milliseconds": 11,
        "p99Milliseconds": 11,
    }
    assert endpoint.model_dump(mode="json", by_alias=True, exclude_none=True) == common | more
    subscription = delivery_status(situation(counters=counters, backlog=backlog, kind="Subscription"))
    assert subscription.model_dump(mode="json", by_alias=True, exclude_none=True) == common


def test_backlogs_add_up_and_the_oldest_wins() -> None:
    one = Backlog(pending=1, unacknowledged=2, in_flight=2, oldest_stored_at=START)
    other = Backlog(pending=10, oldest_stored_at=START - timedelta(hours=1))
    total = Backlog.sum_of([one, other, Backlog()])
    assert (total.events, total.in_flight, total.oldest_stored_at) == (13, 2, START - timedelta(hours=1))
