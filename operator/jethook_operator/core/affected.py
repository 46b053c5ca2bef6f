"""Who has to be looked at again when an object changes."""

from __future__ import annotations

from collections.abc import Iterable

from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.resources import Broken, Key, ResourceReader


def affected(changed: Key, *, reader: ResourceReader) -> tuple[Key, ...]:
    """List the keys to reconcile after a change, in order; `changed` itself is among them unless it is a Secret.

    A Secret leads to the endpoints that use it, an endpoint to its Subscriptions, a pool to its endpoints.
    A Subscription leads to itself alone: its reconcile asks for the endpoint when the plan changed.
    """
    if changed.kind == "Subscription":
        return (changed,)
    if changed.kind == "WebhookEndpoint":
        return (*_subscriptions(changed.namespace, changed.name, reader=reader), changed)
    if changed.kind == "Secret":
        using = reader.endpoints_using(changed.namespace, changed.name)
        return tuple(_of_endpoints(using, reader=reader))
    return (changed, *_of_endpoints(_in_pool(changed.name, reader=reader), reader=reader))


def _of_endpoints(endpoints: Iterable[WebhookEndpoint], *, reader: ResourceReader) -> Iterable[Key]:
    for endpoint in endpoints:
        namespace, name = endpoint.metadata.namespace, endpoint.metadata.name
        yield from _subscriptions(namespace, name, reader=reader)
        yield Key("WebhookEndpoint", namespace, name)


def _subscriptions(namespace: str, endpoint: str, *, reader: ResourceReader) -> Iterable[Key]:
    for one in reader.subscriptions_of(namespace, endpoint):
        yield Key("Subscription", namespace, one.metadata.name)


def _in_pool(pool: str, *, reader: ResourceReader) -> Iterable[WebhookEndpoint]:
    for key in reader.keys("WebhookEndpoint"):
        found = reader.endpoint(key.namespace, key.name)
        if found is not None and not isinstance(found, Broken) and found.spec.pool_ref.name == pool:
            yield found
