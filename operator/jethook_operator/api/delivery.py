"""`status.delivery`: how delivery goes, as the dispatchers report it (the values of `contract/status.py`)."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from jethook_contract.status import DeliveryState
from jethook_operator.api.meta import StatusModel


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


class SubscriptionDelivery(StatusModel):
    """How delivery of one Subscription goes. Counts are since the Subscription was created."""

    state: DeliveryState | None = None
    """The state of the endpoint in one word, e.g. Healthy, Failing, Suspended; Idle: nothing was tried yet."""
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


class EndpointDelivery(SubscriptionDelivery):
    """How delivery to one endpoint goes, over all its Subscriptions. Counts are since the endpoint was created."""

    limited_by: str | None = Field(default=None, max_length=64)
    """What keeps deliveries back now, if anything does, as one CamelCase word."""
    success_percent: int | None = Field(default=None, ge=0, le=100)
    """Share of the recent attempts that succeeded, in percent."""
    in_flight: int | None = Field(default=None, ge=0)
    """Requests that are open now."""
    last_attempt_time: AwareDatetime | None = None
    """When the last attempt ended, successful or not."""
    next_attempt_time: AwareDatetime | None = None
    """When the next attempt is due, where all that waits is in back-off."""
    p50_milliseconds: int | None = Field(default=None, ge=0)
    """Half of the recent requests were answered within this time, in milliseconds."""
    p99_milliseconds: int | None = Field(default=None, ge=0)
    """99 of 100 recent requests were answered within this time, in milliseconds."""
