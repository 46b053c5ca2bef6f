"""Decide on a Subscription: its consumer, its plan part, its status."""

from __future__ import annotations

from dataclasses import dataclass, field

from jethook_contract import names
from jethook_contract.errors import Invalid, JethookError, Waiting
from jethook_contract.plan import ObjectId, PlanPart, PlanSecrets, RetryPolicy, State, Target
from jethook_contract.subjects import filter_subject, filter_subjects
from jethook_contract.target import Limits, TargetUrl
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.conditions import Verdict, programmed, verdict_of
from jethook_operator.core.filters import Filters, decide_filters
from jethook_operator.core.observations import ObservedConsumer, ObservedPart, Place
from jethook_operator.core.references import Secrets, resolve
from jethook_operator.core.resources import Broken, Key
from jethook_operator.core.status import StatusPatch

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

    Order: consumer (`filters`), removal of the parts at `obsolete`, the part at `place`, status.
    """

    filters: Filters
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
    """Decide; raises Invalid when the event types cannot be used: consumer and plan then stay as they are."""
    subscription = inputs.subscription
    wanted = wanted_filters(subscription)
    filters = decide_filters(inputs.consumer, wanted=wanted, last_sequence=inputs.last_sequence)
    route = _route(inputs)
    part = _part(inputs, filters=filters, route=route)
    key = names.plan_key(subscription.metadata.namespace, part.endpoint.name, part.subscription.name)
    place = Place(pool=route.pool, key=key)
    verdict = _requeued(route.verdict, filters=filters)
    return SubscriptionDecision(
        filters=filters,
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


def _route(inputs: SubscriptionInputs) -> _Route:
    try:
        endpoint = _endpoint(inputs)
        pool = _pool(endpoint, inputs=inputs)
    except Waiting as missing:
        return _withheld(missing, pool=names.DEFAULT_POOL)
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
    return _Route(state="Active", pool=pool, target=_target(endpoint), secrets=secrets, verdict=verdict)


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
    except Waiting as missing:
        raise _of_endpoint(missing, endpoint=endpoint) from missing


def check_pool(endpoint: WebhookEndpoint, *, pool: DispatcherPool | Broken | None) -> str:
    """Name the pool of an endpoint, or raise Waiting PoolNotFound; `default` needs no object."""
    name: str = endpoint.spec.pool_ref.name
    if pool is None and name != names.DEFAULT_POOL:
        text = f'spec.poolRef: DispatcherPool "{name}" does not exist; use an existing one or have it created'
        raise Waiting("PoolNotFound", text)
    return name


def _of_endpoint(error: Waiting, *, endpoint: WebhookEndpoint) -> Waiting:
    return Waiting(error.reason, f'WebhookEndpoint "{endpoint.metadata.name}": {error.message}')


def _withheld(error: JethookError, *, pool: str) -> _Route:
    return _Route(state="Withheld", pool=pool, reason=error.reason, message=error.message, verdict=verdict_of(error))


def _part(inputs: SubscriptionInputs, *, filters: Filters, route: _Route) -> PlanPart:
    subscription = inputs.subscription
    namespace, name = subscription.metadata.namespace, subscription.metadata.name
    endpoint = inputs.endpoint
    retry = RetryPolicy() if endpoint is None or isinstance(endpoint, Broken) else _retry(endpoint)
    return PlanPart(
        namespace=namespace,
        endpoint=_endpoint_id(inputs),
        subscription=ObjectId(name=name, uid=subscription.metadata.uid, generation=subscription.metadata.generation),
        state=route.state,
        reason=route.reason,
        message=route.message,
        stream=names.events_stream(namespace),
        consumer=names.subscription_consumer(name),
        format=subscription.spec.format,
        filters=filters.wanted,
        retired=filters.retired,
        retry=retry,
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


def _target(endpoint: WebhookEndpoint) -> Target:
    spec = endpoint.spec
    plain = tuple((header.name, header.value) for header in spec.headers if header.value is not None)
    return Target(
        urls=(TargetUrl(url=spec.url),),
        timeout_seconds=spec.timeout_seconds,
        limits=Limits(max_in_flight=spec.limits.max_in_flight),
        headers=plain,
    )


def _retry(endpoint: WebhookEndpoint) -> RetryPolicy:
    retry = endpoint.spec.retry
    return RetryPolicy(
        max_attempts=retry.max_attempts,
        initial_delay_seconds=retry.initial_delay_seconds,
        factor=retry.factor,
        max_delay_seconds=retry.max_delay_seconds,
        jitter_percent=retry.jitter_percent,
        max_age_seconds=retry.max_age_seconds,
    )


def _requeued(verdict: Verdict, *, filters: Filters) -> Verdict:
    if not filters.retired:
        return verdict
    return Verdict(conditions=verdict.conditions, event=verdict.event, requeue_seconds=RETIRED_SECONDS)
