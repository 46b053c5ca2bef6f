"""Decide on the status of a WebhookEndpoint; what is sent to it is in the plan parts of its Subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from jethook_contract.errors import Invalid, Waiting
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.conditions import Verdict, programmed, verdict_of
from jethook_operator.core.pool_access import check_pool
from jethook_operator.core.references import Secrets, resolve
from jethook_operator.core.resources import Broken, Key
from jethook_operator.core.status import StatusPatch

_MAX_SHOWN_CHARACTERS = 2048  # of status.url


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointInputs:
    """What an endpoint's status depends on.

    `subscriptions` are the names of those that refer to it, `in_place` those of them that have a plan part here.
    """

    endpoint: WebhookEndpoint
    pool: DispatcherPool | Broken | None
    secrets: Secrets = field(default_factory=dict)
    subscriptions: frozenset[str] = frozenset()
    in_place: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDecision:
    """What to say of an endpoint."""

    verdict: Verdict
    status: StatusPatch


def decide_endpoint(inputs: EndpointInputs) -> EndpointDecision:
    """Decide on an endpoint that could be read."""
    verdict = _verdict(inputs)
    return EndpointDecision(verdict=verdict, status=endpoint_status(inputs.endpoint, verdict=verdict))


def endpoint_status(endpoint: WebhookEndpoint, *, verdict: Verdict) -> StatusPatch:
    """Write the status of an endpoint that could be read."""
    metadata = endpoint.metadata
    return StatusPatch(
        key=Key("WebhookEndpoint", metadata.namespace, metadata.name),
        uid=metadata.uid,
        observed_generation=metadata.generation,
        conditions=verdict.conditions,
        fields={"url": shown_urls([one.url for one in endpoint.spec.instances()])},
    )


def shown_urls(urls: Sequence[str]) -> str:
    """Show the first of one or more URLs without secrets, and how many more there are."""
    more = f" +{len(urls) - 1}" if len(urls) > 1 else ""
    return shown_url(urls[0])[: _MAX_SHOWN_CHARACTERS - len(more)] + more


def shown_url(url: str) -> str:
    """Cut a URL to scheme, host, port and path: user information and query may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _verdict(inputs: EndpointInputs) -> Verdict:
    try:
        check_pool(inputs.endpoint, pool=inputs.pool)
        if inputs.endpoint.spec.suspend:
            return programmed("suspended (spec.suspend); events wait", reason="Suspended")
        resolve(inputs.endpoint, secrets=inputs.secrets)
    except (Waiting, Invalid) as fault:
        return verdict_of(fault)
    return programmed(_message(inputs))


def _message(inputs: EndpointInputs) -> str:
    count, missing = len(inputs.subscriptions), sorted(inputs.subscriptions - inputs.in_place)
    if not count:
        return "accepted; no Subscription refers to it yet"
    if missing:
        return f"{count - len(missing)} of {_subscriptions(count)} in place; not yet: {', '.join(missing[:3])}"
    return (
        f"{_subscriptions(count)}, consumers and plan in place"
        if count > 1
        else "1 subscription, consumer and plan in place"
    )


def _subscriptions(count: int) -> str:
    return f"{count} subscription{'s' if count > 1 else ''}"
