"""WebhookEndpoint: where to send, and how carefully."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from jethook_operator.api.delivery import EndpointDelivery
from jethook_operator.api.headers import Headers
from jethook_operator.api.meta import (
    ApiModel,
    Conditions,
    LabelName,
    ObjectMeta,
    SecretReference,
    StatusModel,
    name_rule,
)
from jethook_operator.api.resource import LenientStatus, Resource
from jethook_operator.api.rules import ListType, Rule
from jethook_operator.api.urls import Url


class Signing(ApiModel):
    """One signature that each request carries."""

    scheme: Literal["StandardWebhooks"]
    """How to sign. StandardWebhooks: HMAC-SHA256 in the headers webhook-id, webhook-timestamp, webhook-signature."""
    secret_ref: SecretReference
    """The Secret with the keys: `current` signs; `previous`, where there is one, signs too, so that receivers can
    change over."""


class Limits(ApiModel):
    """How much the receiver is given at once."""

    max_in_flight: int = Field(default=20, ge=1, le=1000)
    """Requests that may be open at the same time, 1 to 1000. Default: 20."""


class Retry(ApiModel):
    """When a failed delivery is tried again, and when it is given up."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.initialDelaySeconds <= self.maxDelaySeconds",
            message="initialDelaySeconds must be at most maxDelaySeconds; lower the one or raise the other",
            check=lambda retry: retry.initial_delay_seconds <= retry.max_delay_seconds,
        ),
    )

    max_attempts: int = Field(default=12, ge=1, le=100)
    """Attempts for one event, the first included, 1 to 100; then it becomes a dead letter. Default: 12."""
    initial_delay_seconds: int = Field(default=5, ge=1, le=86400)
    """Seconds from the first failure to the second attempt, 1 to 86400. Default: 5."""
    factor: int = Field(default=3, ge=1, le=10)
    """By how much each delay is longer than the one before it, 1 to 10; 1 keeps them equal. Default: 3."""
    max_delay_seconds: int = Field(default=21600, ge=1, le=604800)
    """The longest delay in seconds, 1 to 604800 (7 days). Default: 21600 (6 hours)."""
    jitter_percent: int = Field(default=20, ge=0, le=100)
    """By how many percent a delay may differ at random, 0 to 100, so that not all come at once. Default: 20."""
    max_age_seconds: int = Field(default=172800, ge=1, le=2592000)
    """Age of an event in seconds, 1 to 2592000 (30 days), from which a failed attempt is its last. Default: 172800
    (2 days)."""


class PoolReference(ApiModel):
    """A DispatcherPool in the operator's namespace."""

    name: LabelName = "default"
    """Name of the DispatcherPool. Default: default."""


class WebhookEndpointSpec(ApiModel):
    """Where to send, and how carefully."""

    url: Url
    """The URL that gets the requests (POST), with https:// or http://. Private addresses are refused unless the pool
    allows them. Put no credentials here: use headers with valueFrom."""
    headers: Headers = ()
    """Headers that each request carries in addition, at most 32. Default: none."""
    signing: Annotated[
        tuple[Signing, ...],
        Field(max_length=8, strict=False),
        ListType("atomic"),
        Rule(
            cel="self.all(a, self.exists_one(b, b.scheme == a.scheme && b.secretRef.name == a.secretRef.name))",
            message="must name each pair of scheme and Secret once; remove the repeated entry",
            check=lambda entries: len({(one.scheme, one.secret_ref.name) for one in entries}) == len(entries),
        ),
    ] = ()
    """Signatures that each request carries, at most 8. Default: none, so that the receiver cannot tell who sent it."""
    timeout_seconds: int = Field(default=15, ge=1, le=120)
    """Seconds that one attempt may take in all, 1 to 120. Default: 15."""
    limits: Limits = Limits()
    """How much the receiver is given at once."""
    retry: Retry = Retry()
    """When a failed delivery is tried again, and when it is given up."""
    pool_ref: PoolReference = PoolReference()
    """The DispatcherPool that delivers. Default: the pool default."""
    suspend: bool = False
    """Set to true to stop deliveries to this endpoint; its events wait. Default: false."""


class WebhookEndpointStatus(StatusModel):
    """What operator and dispatchers say of the endpoint."""

    observed_generation: int = Field(default=-1, ge=-1)
    """The metadata.generation that this status belongs to; -1 before the operator has seen the object."""
    conditions: Conditions | None = None
    """Ready: accepted, consumers and plan in place. Delivering: events reach the receiver. Reconciling and Stalled are
    there only while true."""
    url: str | None = Field(default=None, max_length=2048)
    """Scheme, host and path of the URL; its query may hold secrets and is left out."""
    delivery: EndpointDelivery | None = None
    """How delivery goes."""


class WebhookEndpoint(Resource):
    """WebhookEndpoint says where events are sent, and how carefully: headers, signatures, limits, retries.

    What is sent is said by Subscriptions that refer to it.
    """

    rules: ClassVar[tuple[Rule, ...]] = (name_rule(),)

    kind: Literal["WebhookEndpoint"] = "WebhookEndpoint"
    metadata: ObjectMeta
    spec: WebhookEndpointSpec
    """Where to send, and how carefully."""
    status: Annotated[WebhookEndpointStatus | None, LenientStatus] = None
    """What operator and dispatchers say of the endpoint."""
