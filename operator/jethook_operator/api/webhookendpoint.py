"""WebhookEndpoint: where to send, and how carefully."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from jethook_operator.api.authentication import HEADER as AUTHORIZATION
from jethook_operator.api.authentication import Authentication
from jethook_operator.api.breaker import CircuitBreaker
from jethook_operator.api.delivery import EndpointDelivery
from jethook_operator.api.headers import Headers
from jethook_operator.api.limits import Limits
from jethook_operator.api.meta import ApiModel, Conditions, LabelName, ObjectMeta, StatusModel, name_rule
from jethook_operator.api.resource import LenientStatus, Resource
from jethook_operator.api.retry import Retry
from jethook_operator.api.rules import ListType, Rule
from jethook_operator.api.signing import Signatures, written_headers_cel
from jethook_operator.api.tls import TLS
from jethook_operator.api.urls import Url

MAX_TARGETS = 16


class EndpointTarget(ApiModel):
    """One of several instances of the receiver."""

    url: Url
    """The URL that gets the requests (POST), with https:// or http://."""
    weight: int = Field(default=1, ge=1, le=100)
    """Its share of the requests that are open, against the other targets' weights, 1 to 100. Default: 1."""


Targets = Annotated[
    tuple[EndpointTarget, ...],
    Field(min_length=1, max_length=MAX_TARGETS, strict=False),
    # Not a map by URL: the API server would repeat the URL in a refusal, with the secrets that its query may hold.
    ListType("atomic"),
    Rule(
        cel="self.all(a, self.exists_one(b, b.url == a.url))",
        message="must name each URL once; remove the repeated entry and raise the weight of the other",
        check=lambda targets: len({target.url for target in targets}) == len(targets),
    ),
]


class PoolReference(ApiModel):
    """A DispatcherPool in the operator's namespace."""

    name: LabelName = "default"
    """Name of the DispatcherPool. Default: default."""


class WebhookEndpointSpec(ApiModel):
    """Where to send, and how carefully."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.url) != has(self.targets)",
            message="must have exactly one of url and targets",
            check=lambda spec: (spec.url is None) is not (spec.targets is None),
        ),
        Rule(
            cel=f"self.headers.all(header, !self.signing.exists(one, header.name.lowerAscii() in"
            f" {written_headers_cel('one')}))",
            message="headers must not name a header that signing writes; remove it from headers",
            check=lambda spec: not spec.own_names() & spec.signed_names(),
        ),
        Rule(
            cel=f"!has(self.authentication) || !(self.headers.exists(header, header.name.lowerAscii() =="
            f" '{AUTHORIZATION}') || self.signing.exists(one, '{AUTHORIZATION}' in {written_headers_cel('one')}))",
            message="authentication sets the header Authorization; remove it from headers and signing, or remove"
            " authentication",
            check=lambda spec: (
                spec.authentication is None or AUTHORIZATION not in spec.own_names() | spec.signed_names()
            ),
        ),
    )

    url: Url | None = None
    """The URL that gets the requests (POST), with https:// or http://. Private addresses are refused unless the pool
    allows them. Put no credentials here: use authentication, or headers with valueFrom."""
    targets: Targets | None = None
    """Several instances of the same receiver, 1 to 16, instead of url: requests are balanced over them by weight, and
    go to another one when an instance fails."""
    headers: Headers = ()
    """Headers that each request carries in addition, at most 32. Default: none."""
    signing: Signatures = ()
    """Signatures that each request carries, at most 8. Default: none, so that the receiver cannot tell who sent it."""
    authentication: Authentication | None = None
    """How requests are authorised at the receiver. Default: none."""
    tls: TLS | None = None
    """Certificates for connections to the receiver. Default: the system's authorities, no client certificate."""
    timeout_seconds: int = Field(default=15, ge=1, le=120)
    """Seconds that one attempt may take in all, 1 to 120. Default: 15."""
    limits: Limits = Limits()
    """How much the receiver is given at once."""
    retry: Retry = Retry()
    """When a failed delivery is tried again, and when it is given up."""
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    """When deliveries stop because too many attempts failed, and how they begin again."""
    handshake: Literal["None", "CloudEvents"] = "None"
    """None (default): deliver at once. CloudEvents: first ask each URL by the OPTIONS request of the CloudEvents
    webhook specification, deliver when it agrees, at the rate that it allows."""
    pool_ref: PoolReference = PoolReference()
    """The DispatcherPool that delivers. Default: the pool default."""
    suspend: bool = False
    """Set to true to stop deliveries to this endpoint; its events wait. Default: false."""

    def instances(self) -> tuple[EndpointTarget, ...]:
        """List the instances of the receiver, one when `url` is given."""
        return self.targets or (() if self.url is None else (EndpointTarget(url=self.url),))

    def own_names(self) -> frozenset[str]:
        """Give the names of `headers`, in lower case."""
        return frozenset(header.name.lower() for header in self.headers)

    def signed_names(self) -> frozenset[str]:
        """Give the names of the headers that `signing` writes, in lower case."""
        return frozenset(name for one in self.signing for name in one.written_headers())


class WebhookEndpointStatus(StatusModel):
    """What operator and dispatchers say of the endpoint."""

    observed_generation: int = Field(default=-1, ge=-1)
    """The metadata.generation that this status belongs to; -1 before the operator has seen the object."""
    conditions: Conditions | None = None
    """Ready: accepted, consumers and plan in place. Delivering: events reach the receiver. Reconciling and Stalled are
    there only while true."""
    url: str | None = Field(default=None, max_length=2048)
    """Scheme, host and path of the URL, its query left out since it may hold secrets; of several targets the first,
    and how many more."""
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
