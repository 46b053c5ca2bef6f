"""Decide on a Subscription: its consumer, its plan part, its status."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from jethook_contract import names
from jethook_contract.errors import Invalid, JethookError, Waiting
from jethook_contract.plan import ObjectId, PlanPart, PlanSecrets, RetryPolicy, State, Target
from jethook_contract.subjects import filter_subject, filter_subjects
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.conditions import Verdict, programmed, verdict_of
from jethook_operator.core.filters import Filters, decide_filters
from jethook_operator.core.grouping import WAITS_SECONDS, GroupingDecision, decide_grouping, wanted_grouping
from jethook_operator.core.observations import ObservedConsumer, ObservedPart, Place
from jethook_operator.core.pool_access import check_pool
from jethook_operator.core.references import Secrets, resolve
from jethook_operator.core.resources import Broken, Key
from jethook_operator.core.retry import retry_policy
from jethook_operator.core.selection import (
    check_expressions,
    plan_backlog,
    plan_bindings,
    plan_filter,
    plan_transform,
)
from jethook_operator.core.status import StatusPatch
from jethook_operator.core.target import target_of

BAD_EXPRESSION = "BadExpression"
RETIRED_SECONDS = 5.0  # how soon to look again whether a retired type is drained


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionInputs:
    """What a Subscription's fate depends on.

    `secrets` holds an entry for each Secret that the endpoint refers to. `last_sequence` is the events stream's, read
    last of all; it counts only when a type was removed. `parts` are all plan parts of this Subscription.
    """

    subscription: Subscription
    endpoint: WebhookEndpoint | Broken | None
    pool: DispatcherPool | Broken | None
    consumer: ObservedConsumer | None = None
    last_sequence: int = 0
    secrets: Secrets = field(default_factory=dict)
    parts: tuple[ObservedPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionDecision:
    """What shall be. The shell seals `secrets` into `part`, keeping the old token when the digest is equal.

    Order: consumer (`filters`, `grouping.first_max_ack_pending`), removal of the parts at `obsolete`, the part at
    `place`, consumer (`grouping.max_ack_pending`), status.
    """

    filters: Filters
    grouping: GroupingDecision
    place: Place
    part: PlanPart
    secrets: PlanSecrets
    obsolete: tuple[Place, ...]
    verdict: Verdict
    status: StatusPatch


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    state: State
    verdict: Verdict
    pool: str = names.DEFAULT_POOL
    reason: str = ""
    message: str = ""
    target: Target | None = None
    secrets: PlanSecrets = field(default_factory=PlanSecrets)


def wanted_filters(subscription: Subscription) -> tuple[str, ...]:
    """Translate the event types to filter subjects, the direct subject among them; raises Invalid that names the field.

    The CRD takes a few that no subject can spell: Unicode's noncharacters, and what is too long once encoded.
    """
    metadata, patterns = subscription.metadata, subscription.spec.event_types
    for position, pattern in enumerate(patterns):
        try:
            filter_subject(metadata.namespace, pattern)
        except Invalid as exc:
            fault = exc.message.removeprefix("attribute type: ")
            raise Invalid(exc.reason, f"spec.eventTypes[{position}]: {fault}") from exc
    return filter_subjects(metadata.namespace, patterns, metadata.name)


def decide_subscription(inputs: SubscriptionInputs) -> SubscriptionDecision:
    """Decide; raises Invalid when types or expressions cannot be used: consumer and plan then stay as they are.

    Where there is no plan yet that could stay, a wrong expression withholds it: the consumer is made, events wait.
    """
    subscription = inputs.subscription
    wanted = wanted_filters(subscription)
    refused = _refused(inputs)
    filters = decide_filters(inputs.consumer, wanted=wanted, last_sequence=inputs.last_sequence)
    grouping = decide_grouping(
        wanted_grouping(subscription.spec), consumer=inputs.consumer, parts=tuple(one.part for one in inputs.parts)
    )
    route = _route(inputs, refused=refused)
    part = _part(inputs, filters=filters, grouping=grouping, route=route)
    key = names.plan_key(subscription.metadata.namespace, part.endpoint.name, part.subscription.name)
    place = Place(pool=route.pool, key=key)
    verdict = _requeued(_waiting(route, grouping=grouping), filters=filters)
    return SubscriptionDecision(
        filters=filters,
        grouping=grouping,
        place=place,
        part=part,
        secrets=route.secrets,
        obsolete=tuple(one.place for one in inputs.parts if one.place != place),
        verdict=verdict,
        status=subscription_status(subscription, verdict=verdict),
    )


def subscription_status(subscription: Subscription, *, verdict: Verdict) -> StatusPatch:
    """Write the status of a Subscription that could be read."""
    metadata, types = subscription.metadata, subscription.spec.event_types
    more = f" +{len(types) - 1}" if len(types) > 1 else ""
    consumer = {
        "stream": names.events_stream(metadata.namespace),
        "name": names.subscription_consumer(metadata.name),
    }
    return StatusPatch(
        key=Key("Subscription", metadata.namespace, metadata.name),
        uid=metadata.uid,
        observed_generation=metadata.generation,
        conditions=verdict.conditions,
        fields={"types": f"{types[0]}{more}", "consumer": consumer},
    )


def broken_status(broken: Broken) -> StatusPatch:
    """Write the status of an object of any kind that cannot be read: Stalled, until its author changes it."""
    verdict = verdict_of(Invalid("InvalidSpec", broken.message))
    return StatusPatch(
        key=broken.key, uid=broken.uid, observed_generation=broken.generation, conditions=verdict.conditions
    )


def _refused(inputs: SubscriptionInputs) -> Invalid | None:
    """Give what is wrong with an expression, or raise it where a plan of a good spec is there to stay."""
    try:
        check_expressions(inputs.subscription.spec)
    except Invalid as exc:
        if any(one.part.reason != exc.reason for one in inputs.parts):
            raise
        return exc
    return None


def _route(inputs: SubscriptionInputs, *, refused: Invalid | None) -> _Route:
    try:
        endpoint = _endpoint(inputs)
        pool = _pool(endpoint, inputs=inputs)
    except (Waiting, Invalid) as fault:
        return _withheld(refused or fault, pool=names.DEFAULT_POOL)
    if refused is not None:
        return _withheld(refused, pool=pool)
    for what, suspend in (
        ("this Subscription", inputs.subscription.spec.suspend),
        ("its endpoint", endpoint.spec.suspend),
    ):
        if suspend:
            message = f"{what} is suspended (spec.suspend); consumer and plan are in place, the backlog waits"
            return _Route(state="Suspended", pool=pool, verdict=programmed(message, reason="Suspended"))
    try:
        secrets = resolve(endpoint, secrets=inputs.secrets)
    except Waiting as missing:
        return _withheld(_of_endpoint(missing, endpoint=endpoint), pool=pool)
    verdict = programmed("consumer and plan in place")
    return _Route(state="Active", pool=pool, target=target_of(endpoint), secrets=secrets, verdict=verdict)


def _endpoint(inputs: SubscriptionInputs) -> WebhookEndpoint:
    name = inputs.subscription.spec.endpoint_ref.name
    if inputs.endpoint is None:
        text = f'spec.endpointRef: WebhookEndpoint "{name}" does not exist in this namespace; create it, events wait'
        raise Waiting("EndpointNotFound", text)
    if isinstance(inputs.endpoint, Broken):
        text = f'spec.endpointRef: WebhookEndpoint "{name}" is invalid: {inputs.endpoint.message}'
        raise Waiting("EndpointInvalid", text)
    return inputs.endpoint


def _pool(endpoint: WebhookEndpoint, *, inputs: SubscriptionInputs) -> str:
    try:
        return check_pool(endpoint, pool=inputs.pool)
    except (Waiting, Invalid) as fault:
        raise _of_endpoint(fault, endpoint=endpoint) from fault


def _of_endpoint(error: Waiting | Invalid, *, endpoint: WebhookEndpoint) -> Waiting | Invalid:
    return type(error)(error.reason, f'WebhookEndpoint "{endpoint.metadata.name}": {error.message}')


def _withheld(error: JethookError, *, pool: str) -> _Route:
    return _Route(state="Withheld", pool=pool, reason=error.reason, message=error.message, verdict=verdict_of(error))


def _part(inputs: SubscriptionInputs, *, filters: Filters, grouping: GroupingDecision, route: _Route) -> PlanPart:
    subscription, how = inputs.subscription, grouping.grouping
    namespace, name = subscription.metadata.namespace, subscription.metadata.name
    refused = route.reason == BAD_EXPRESSION  # what cannot be compiled is no part of a plan
    return PlanPart(
        namespace=namespace,
        endpoint=_endpoint_id(inputs),
        subscription=ObjectId(name=name, uid=subscription.metadata.uid, generation=subscription.metadata.generation),
        state=route.state,
        reason=route.reason,
        message=route.message,
        stream=names.events_stream(namespace),
        consumer=names.subscription_consumer(name),
        format=how.format,
        filters=filters.wanted,
        retired=filters.retired,
        retry=_retry(inputs),
        filter=plan_filter(None if refused else subscription.spec.filter),
        ordering=None if refused else how.ordering,
        merge=None if refused else how.merge,
        batch=how.batch,
        bindings=() if refused else plan_bindings(subscription.spec),
        transform=None if refused else plan_transform(subscription.spec),
        backlog=plan_backlog(subscription.spec.backlog),
        target=route.target,
    )


def _endpoint_id(inputs: SubscriptionInputs) -> ObjectId:
    name = inputs.subscription.spec.endpoint_ref.name
    if inputs.endpoint is None:
        return ObjectId(name=name)
    if isinstance(inputs.endpoint, Broken):
        return ObjectId(name=name, uid=inputs.endpoint.uid, generation=inputs.endpoint.generation)
    metadata = inputs.endpoint.metadata
    return ObjectId(name=name, uid=metadata.uid, generation=metadata.generation)


def _retry(inputs: SubscriptionInputs) -> RetryPolicy:
    spec, endpoint = inputs.subscription.spec, inputs.endpoint
    if endpoint is None or isinstance(endpoint, Broken):
        return RetryPolicy()
    return retry_policy(endpoint, override=spec.retry, backlog_max_age_seconds=spec.backlog.max_age_seconds)


def _waiting(route: _Route, *, grouping: GroupingDecision) -> Verdict:
    """Say that ordering waits, unless something else keeps the plan back."""
    if grouping.waits is None:
        return route.verdict
    verdict = verdict_of(grouping.waits) if route.state != "Withheld" else route.verdict
    return replace(verdict, requeue_seconds=WAITS_SECONDS)


def _requeued(verdict: Verdict, *, filters: Filters) -> Verdict:
    return replace(verdict, requeue_seconds=RETIRED_SECONDS) if filters.retired else verdict
