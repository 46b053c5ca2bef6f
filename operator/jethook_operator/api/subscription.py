"""Subscription: which events go to an endpoint, and in what form."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from jethook_operator.api.delivery import SubscriptionDelivery
from jethook_operator.api.meta import ApiModel, Conditions, LabelName, ObjectMeta, StatusModel, name_rule
from jethook_operator.api.resource import LenientStatus, Resource
from jethook_operator.api.retry import RetryOverride
from jethook_operator.api.rules import ListType, Rule, spelled
from jethook_operator.api.selection import Backlog, Batch, EventFilter, Merge, Ordering
from jethook_operator.api.shaping import Bindings, Transform

MAX_EVENT_TYPES = 9  # more filter subjects make a consumer slow (docs: NATS, measured)

# Every legal CloudEvents type can be subscribed to, with spaces too. What CloudEvents forbids beyond these control
# characters (noncharacters of Unicode) and the length once percent-encoded are checked where the filter is made.
_CHARACTERS_RULE = spelled(
    r"[^\x00-\x1f\x7f-\x9f]*",
    message="must hold no control characters (CloudEvents allows none in a type); remove them",
)
_SEGMENTS_RULE = Rule(
    cel="!self.startsWith('.') && !self.endsWith('.') && !self.contains('..')",
    message="must have no empty segment; remove the extra dot",
    check=lambda text: "" not in text.split("."),
)
_WILDCARDS_RULE = spelled(
    r"(?:\*|[^.*]*)(?:\.(?:\*|[^.*]*))*(?:\.\*\*)?|\*\*",
    message="`*` stands for one whole segment and `**` for the last ones only;"
    " write com.example.*.made or com.example.**",
)
EventType = Annotated[str, Field(min_length=1, max_length=512), _CHARACTERS_RULE, _SEGMENTS_RULE, _WILDCARDS_RULE]


class EndpointReference(ApiModel):
    """A WebhookEndpoint in the same namespace."""

    name: LabelName
    """Name of the WebhookEndpoint."""


_GROUPING_RULE = Rule(
    cel="[has(self.ordering), has(self.merge), has(self.batch)].filter(given, given).size() <= 1",
    message="at most one of ordering, merge and batch can be used; remove the others",
    check=lambda spec: [spec.ordering, spec.merge, spec.batch].count(None) >= 2,  # noqa: PLR2004 -- of three
)
_BATCH_FORMAT_RULE = Rule(
    cel="!has(self.batch) || self.format == 'Structured'",
    message="batch needs format Structured, since a CloudEvents batch is JSON; change format or remove batch",
    check=lambda spec: spec.batch is None or spec.format == "Structured",
)
_COLLECT_FORMAT_RULE = Rule(
    cel="!has(self.merge) || self.merge.strategy != 'Collect' || self.format == 'Structured'",
    message="merge with strategy Collect needs format Structured, since a CloudEvents batch is JSON;"
    " change format or strategy",
    check=lambda spec: spec.merge is None or spec.merge.strategy != "Collect" or spec.format == "Structured",
)
_AGE_RULE = Rule(
    cel="!has(self.retry) || !has(self.retry.maxAgeSeconds) || self.retry.maxAgeSeconds <= self.backlog.maxAgeSeconds",
    message="retry.maxAgeSeconds must be at most backlog.maxAgeSeconds; lower the one or raise the other",
    check=lambda spec: (
        spec.retry is None
        or spec.retry.max_age_seconds is None
        or spec.retry.max_age_seconds <= spec.backlog.max_age_seconds
    ),
)


_BINDINGS_RULE = Rule(
    cel="!has(self.bindings) || self.bindings.size() == 0 || has(self.transform)",
    message="bindings are used by transform only; add transform or remove bindings",
    check=lambda spec: not spec.bindings or spec.transform is not None,
)


class SubscriptionSpec(ApiModel):
    """Which events go to which endpoint, and in what form."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _GROUPING_RULE,
        _BATCH_FORMAT_RULE,
        _COLLECT_FORMAT_RULE,
        _AGE_RULE,
        _BINDINGS_RULE,
    )

    endpoint_ref: EndpointReference
    """The WebhookEndpoint that gets the events, in the same namespace. Events wait while it is missing."""
    event_types: Annotated[
        tuple[EventType, ...], Field(min_length=1, max_length=MAX_EVENT_TYPES, strict=False), ListType("set")
    ]
    """The CloudEvents types to deliver, 1 to 9 of them. `*` stands for one segment between dots, a final `**` for one
    or more: com.example.*.made, com.example.order.**. Events of a type that is removed here are still delivered when
    they were published before."""
    filter: EventFilter | None = None
    """Which events of these types are wanted, by what is in them. Default: all."""
    bindings: Bindings = ()
    """Values that are read from each event for the transformation, at most 16. Default: none."""
    transform: Transform | None = None
    """What is sent in the place of the event's data. Default: the data as they came, byte for byte."""
    format: Literal["Structured", "Binary", "Data"] = "Structured"
    """Form of the request. Structured (default): the whole event as one JSON document. Binary: the data as body, the
    attributes as ce-* headers. Data: the data alone."""
    ordering: Ordering | None = None
    """Strict order for each key. Default: none, events go as soon as they can."""
    merge: Merge | None = None
    """Events of a key within a window become one delivery. Default: none, each goes by itself."""
    batch: Batch | None = None
    """Events go together in one request, as a CloudEvents batch. Default: none, each goes by itself."""
    retry: RetryOverride | None = None
    """What is different from the endpoint's retry. Default: nothing."""
    backlog: Backlog = Backlog()
    """How much may wait before the oldest become dead letters."""
    suspend: bool = False
    """Set to true to stop deliveries of this Subscription; its events wait. Default: false."""


class Consumer(StatusModel):
    """Where the events of this Subscription wait in NATS."""

    stream: str = Field(max_length=256)
    """Name of the JetStream stream."""
    name: str = Field(max_length=256)
    """Name of the durable consumer on it."""


class SubscriptionStatus(StatusModel):
    """What operator and dispatchers say of the Subscription."""

    observed_generation: int = Field(default=-1, ge=-1)
    """The metadata.generation that this status belongs to; -1 before the operator has seen the object."""
    conditions: Conditions | None = None
    """Ready: accepted, consumer and plan in place. Delivering: events reach the receiver. Reconciling and Stalled are
    there only while true."""
    types: str | None = Field(default=None, max_length=1024)
    """The event types in short: the first, and how many more."""
    consumer: Consumer | None = None
    """Where the events of this Subscription wait in NATS."""
    delivery: SubscriptionDelivery | None = None
    """How delivery goes."""


class Subscription(Resource):
    """Subscription says which events go to a WebhookEndpoint, and in what form.

    It starts with the events that are published after it was created.
    """

    rules: ClassVar[tuple[Rule, ...]] = (name_rule(),)

    kind: Literal["Subscription"] = "Subscription"
    metadata: ObjectMeta
    spec: SubscriptionSpec
    """Which events go to which endpoint, and in what form."""
    status: Annotated[SubscriptionStatus | None, LenientStatus] = None
    """What operator and dispatchers say of the Subscription."""
