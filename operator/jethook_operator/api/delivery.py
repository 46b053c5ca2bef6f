"""`status.delivery`: how delivery goes, as the dispatchers report it (the values of `contract/status.py`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from jethook_contract.status import DeliveryState, LimitedBy
from jethook_operator.api.meta import StatusModel
from jethook_operator.api.rules import ListType

MAX_PARKED_KEYS = 16


class LastError(StatusModel):
    """The last attempt that failed."""

    reason: str = Field(max_length=128)
    """Kind of the failure, as one CamelCase word."""
    status_code: int | None = Field(default=None, ge=0, le=999)
    """HTTP status code of the answer; 0 when none came."""
    time: AwareDatetime
    """When the attempt ended."""
    message: str | None = Field(default=None, max_length=1024)
    """What went wrong, in a sentence."""


class ParkedKey(StatusModel):
    """A key whose first event waits for another attempt, and all later events of the key behind it."""

    key: str = Field(max_length=8192)
    """The key, as ordering.keyFrom gave it."""
    sequence: int = Field(ge=0)
    """Number of the first event in the stream; `jethook skip` takes it."""
    event_id: str = Field(max_length=8192)
    """The id of the first event."""
    attempts: int = Field(ge=0)
    """Attempts for the first event that failed so far."""
    waiting: int = Field(default=1, ge=1)
    """Events of the key in hand, the first included. Default: 1."""
    next_attempt_time: AwareDatetime | None = None
    """When the first event is tried again."""


class Handshake(StatusModel):
    """What became of the CloudEvents handshake."""

    state: Literal["Allowed", "Refused", "Pending"]
    """Allowed: events are delivered. Refused: the receiver did not agree. Pending: it has not answered yet."""
    requests_per_minute: int | None = Field(default=None, ge=0)
    """The rate that the receiver allows; not there when it sets no bound."""
    time: AwareDatetime
    """When it was asked last."""
    message: str | None = Field(default=None, max_length=1024)
    """Why, in a sentence."""


class Delivery(StatusModel):
    """What is reported of an endpoint and of a Subscription alike."""

    state: DeliveryState | None = None
    """The state in one word, the first that holds: Suspended; Pending (the plan is incomplete, or the receiver has not
    consented); Disabled (the receiver ended deliveries); CircuitOpen; KeyBlocked; RetryBacklogFull; DeadLettersFull;
    Failing (nothing but failures lately); Throttled (the receiver asked for less); NearlyFull (the events stream);
    Degraded (it delivers, but not well); Idle (nothing was sent yet); Healthy."""
    delivered: int | None = Field(default=None, ge=0)
    """Events that the receiver accepted (answer 2xx)."""
    retried: int | None = Field(default=None, ge=0)
    """Attempts that were not an event's first."""
    failed_attempts: int | None = Field(default=None, ge=0)
    """Attempts that failed, for whatever reason."""
    dead_lettered: int | None = Field(default=None, ge=0)
    """Events that were given up and stored as dead letters."""
    backlog: int | None = Field(default=None, ge=0)
    """Events that wait to be delivered, those in back-off included."""
    oldest_undelivered_time: AwareDatetime | None = None
    """When the oldest event that still waits was accepted."""
    last_delivery_time: AwareDatetime | None = None
    """When the receiver last accepted an event."""
    last_error: LastError | None = None
    """The last attempt that failed."""


class SubscriptionDelivery(Delivery):
    """How delivery of one Subscription goes. Counts are since the Subscription was created."""

    parked_keys: Annotated[tuple[ParkedKey, ...], Field(max_length=MAX_PARKED_KEYS), ListType("atomic")] | None = None
    """Keys whose first event waits for another attempt, when ordering is set; the first of them, see
    parkedKeyCount."""
    parked_key_count: int | None = Field(default=None, ge=0)
    """How many keys wait in all."""


class EndpointDelivery(Delivery):
    """How delivery to one endpoint goes, over all its Subscriptions. Counts are since the endpoint was created."""

    limited_by: LimitedBy | None = None
    """What keeps deliveries back now, if anything does."""
    allowed_requests_per_second: int | None = Field(default=None, ge=0)
    """The rate that is left while the receiver's answers (429, 502, 503, 504) hold it below the spec's."""
    handshake: Handshake | None = None
    """What became of the CloudEvents handshake, where spec.handshake asks for it."""
    success_percent: int | None = Field(default=None, ge=0, le=100)
    """Share of the recent attempts that succeeded, in percent."""
    in_flight: int | None = Field(default=None, ge=0)
    """Requests that are open now."""
    last_attempt_time: AwareDatetime | None = None
    """When the last attempt ended, successful or not."""
    next_attempt_time: AwareDatetime | None = None
    """When the next attempt is due: the soonest known retry; while the circuit is open, its next probe."""
    p50_milliseconds: int | None = Field(default=None, ge=0)
    """Half of the recent requests were answered within this time, in milliseconds."""
    p99_milliseconds: int | None = Field(default=None, ge=0)
    """99 of 100 recent requests were answered within this time, in milliseconds."""
