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
    "Pending",
    "Idle",
    "Healthy",
    "Failing",
    "Suspended",
    "Disabled",
    "Throttled",
    "CircuitOpen",
    "KeyBlocked",
    "NearlyFull",
    "RetryBacklogFull",
]


class LastError(Record):
    """The last failed attempt: `reason` CamelCase, `status_code` 0 when no answer came."""

    reason: str
    status_code: int = 0
    time: AwareDatetime
    message: str = ""


class DeliveryStatus(Record):
    """How delivery goes. Integers only; a time is None (left out) when there is nothing to know."""

    state: DeliveryState = "Idle"
    limited_by: str | None = None
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
