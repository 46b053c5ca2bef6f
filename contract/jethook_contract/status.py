"""What dispatchers report on endpoints and subscriptions: the counters that survive a change of owner.

A `StatusRecord` of an endpoint is at `endpoint.<namespace>.<endpoint>`, of a Subscription at
`subscription.<namespace>.<subscription>`, both in `jethook-status-<pool>`. `delivery` is the value of
`status.delivery` of the resource, field for field, and `condition` its condition `Delivering`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from jethook_contract.record import Record

DeliveryState = Literal[
    "Suspended",
    "Pending",
    "Disabled",
    "CircuitOpen",
    "KeyBlocked",
    "RetryBacklogFull",
    "DeadLettersFull",
    "Failing",
    "Throttled",
    "NearlyFull",
    "Degraded",
    "Idle",
    "Healthy",
]
"""In order of precedence: of several that hold the first is shown."""

LimitedBy = Literal[
    "Disabled",
    "Handshake",
    "CircuitBreaker",
    "RetryAfter",
    "Throttling",
    "SlowStart",
    "RequestsPerSecond",
    "MaxInFlight",
]


class LastError(Record):
    """The last failed attempt: `reason` CamelCase, `status_code` 0 when no answer came."""

    reason: str
    status_code: int = 0
    time: AwareDatetime
    message: str = ""


class ParkedKey(Record):
    """A key of an ordered Subscription whose first event waits for another attempt, and all later ones behind it.

    `sequence` is the stream's; `waiting` counts the events of the key that are in hand, the first included.
    """

    key: str
    sequence: int
    event_id: str
    attempts: int
    waiting: int = 1
    next_attempt_time: AwareDatetime | None = None


class HandshakeStatus(Record):
    """What became of the CloudEvents handshake; `requests_per_minute` is None where the receiver sets no bound."""

    state: Literal["Allowed", "Refused", "Pending"]
    requests_per_minute: int | None = None
    time: AwareDatetime
    message: str = ""


class DeliveryStatus(Record):
    """How delivery goes. Integers only; a time is None (left out) when there is nothing to know.

    `limited_by` is what keeps deliveries back at this moment, as one of `LimitedBy`. `allowed_requests_per_second` is
    there while the receiver's answers hold the rate below what the spec says.
    """

    state: DeliveryState = "Idle"
    limited_by: LimitedBy | None = None
    allowed_requests_per_second: int | None = None
    success_percent: int | None = None
    delivered: int = 0
    retried: int = 0
    failed_attempts: int = 0
    dead_lettered: int = 0
    in_flight: int | None = None
    backlog: int = 0
    oldest_undelivered_time: AwareDatetime | None = None
    last_delivery_time: AwareDatetime | None = None
    last_attempt_time: AwareDatetime | None = None
    next_attempt_time: AwareDatetime | None = None
    last_error: LastError | None = None
    p50_milliseconds: int | None = None
    p99_milliseconds: int | None = None
    parked_keys: tuple[ParkedKey, ...] | None = None
    parked_key_count: int | None = None
    handshake: HandshakeStatus | None = None


class DeliveringCondition(Record):
    """The condition `Delivering`; `reason` is never empty, `last_transition_time` changes with `status` only."""

    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    last_transition_time: AwareDatetime
    observed_generation: int = 0


class StatusRecord(Record):
    """One object's report, with the UID for which it was counted: another UID starts from nothing."""

    version: Literal[1] = 1
    kind: Literal["WebhookEndpoint", "Subscription"]
    namespace: str
    name: str
    uid: str = ""
    delivery: DeliveryStatus
    condition: DeliveringCondition | None = None


def status_key(kind: str, namespace: str, name: str) -> str:
    """Name the key of one object's report."""
    prefix = "endpoint" if kind == "WebhookEndpoint" else "subscription"
    return f"{prefix}.{namespace}.{name}"
