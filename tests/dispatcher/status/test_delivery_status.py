"""The fields of `status.delivery`."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from jethook_contract.plan import Ordering
from jethook_dispatcher.core.counters import Counters
from jethook_dispatcher.core.delivery_state import delivery_status
from jethook_dispatcher.core.situation import Backlog
from jethook_dispatcher.core.standing import ParkedKeys, Standing
from tests.dispatcher.status.conftest import BUSY, OK, START
from tests.dispatcher.status.situations import (
    ACTIVE,
    GONE,
    KEY,
    PROBE_AT,
    open_circuit,
    shake,
    situation,
    standing,
)

RETRY_AT = START + timedelta(seconds=5.7)
LATE_RETRY_AT = PROBE_AT + timedelta(hours=1)
WAITING = Backlog(pending=1, unacknowledged=2, in_flight=1, oldest_stored_at=START + timedelta(seconds=1.5))


def retried(at: datetime = RETRY_AT) -> Counters:
    counters = Counters()
    counters.attempted(OK, attempt=1, ended_at=START, next_attempt_at=None, now=0.0)
    counters.attempted(BUSY, attempt=2, ended_at=START, next_attempt_at=at, now=0.0)
    return counters


def test_endpoint_has_all_fields_and_a_subscription_those_of_its_schema() -> None:
    endpoint = delivery_status(situation(counters=retried(), backlog=WAITING))
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
    subscription = delivery_status(situation(counters=retried(), backlog=WAITING, kind="Subscription"))
    assert subscription.model_dump(mode="json", by_alias=True, exclude_none=True) == common


@pytest.mark.parametrize(
    ("gate", "retry_at", "backlog", "next_at"),
    [
        (None, RETRY_AT, WAITING, RETRY_AT),
        (standing(), RETRY_AT, WAITING, RETRY_AT),
        (standing(), START - timedelta(seconds=1), WAITING, None),
        (open_circuit(), RETRY_AT, WAITING, PROBE_AT),  # a new event may be the probe
        (open_circuit(), LATE_RETRY_AT, WAITING, PROBE_AT),
        (open_circuit(), LATE_RETRY_AT, Backlog(unacknowledged=1), LATE_RETRY_AT),  # only one in back-off can be
        (open_circuit(), RETRY_AT, Backlog(unacknowledged=1), PROBE_AT),
        (open_circuit(), START - timedelta(seconds=1), Backlog(), None),
        (open_circuit(circuit="HalfOpen"), RETRY_AT, WAITING, None),
        (standing(limited_by="Disabled", disabled=GONE), RETRY_AT, WAITING, None),
        (standing(limited_by="Handshake"), RETRY_AT, WAITING, None),
    ],
)
def test_next_attempt(gate: Standing | None, retry_at: datetime, backlog: Backlog, next_at: datetime | None) -> None:
    status = delivery_status(situation(counters=retried(retry_at), backlog=backlog, standing=gate))
    assert status.next_attempt_time == (None if next_at is None else next_at.replace(microsecond=0))


def test_a_suspended_endpoint_has_no_next_attempt() -> None:
    suspended = ACTIVE.model_copy(update={"state": "Suspended"})
    assert delivery_status(situation(counters=retried(), parts=(suspended,))).next_attempt_time is None


def test_an_endpoint_shows_its_handshake_and_the_rate_that_is_left() -> None:
    gate = standing(limited_by="Throttling", allowed_requests_per_second=7, handshake=shake("Allowed", "asked"))
    status = delivery_status(situation(OK, standing=gate))
    assert (status.limited_by, status.allowed_requests_per_second) == ("Throttling", 7)
    assert status.handshake == shake("Allowed", "asked")


@pytest.mark.parametrize(
    ("ordering", "keys", "count"), [(Ordering(key_from="event.subject"), (KEY,), 31), (None, None, None)]
)
def test_a_subscription_lists_parked_keys_where_it_is_ordered(
    ordering: Ordering | None, keys: tuple[object, ...] | None, count: int | None
) -> None:
    part = ACTIVE.model_copy(update={"ordering": ordering})
    parked = ParkedKeys(keys=(KEY,), count=31)
    status = delivery_status(situation(OK, parts=(part,), parked=parked, kind="Subscription"))
    assert (status.parked_keys, status.parked_key_count) == (keys, count)
    assert delivery_status(situation(OK, parts=(part,), parked=parked)).parked_keys is None
