"""Statuses as the operator decides them, each reason that there is, with what dispatchers add to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

from pydantic import SecretStr

from jethook_contract.errors import Invalid, JethookError, Unavailable, Waiting
from jethook_contract.status import DeliveryState
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.api.parse import parse
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.conditions import verdict_of
from jethook_operator.core.endpoint import EndpointInputs, decide_endpoint, endpoint_status
from jethook_operator.core.pool import decide_pool, pool_status
from jethook_operator.core.pool_workload import Trouble, Workload, workload_verdict
from jethook_operator.core.resources import Broken, Key, SecretValue
from jethook_operator.core.status import StatusPatch
from jethook_operator.core.subscription import (
    SubscriptionInputs,
    broken_status,
    decide_subscription,
    subscription_status,
)
from jethook_operator.shell.objects_status import status_document
from tests.fakes.surroundings import SIGNING_KEY, document, endpoint, subscription

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SIGNED = {"signing": [{"scheme": "StandardWebhooks", "secretRef": {"name": "signing"}}]}
FAULTS: tuple[JethookError, ...] = (
    Invalid("OtherInstall", "stream JETHOOK_EVENTS_shop belongs to somebody else"),
    Invalid("BadQuota", "the annotation is no size"),
    Waiting("NoPlanKey", "pool default has no readable key file"),
    Unavailable("NoQuota", "NATS has no room left"),
    Unavailable("RetiringEvents", "the old events are being put away"),
    Unavailable("NATSUnreachable", "NATS does not answer; trying again"),
)
DELIVERING = {"Suspended": "False", "Pending": "Unknown", "Idle": "Unknown"} | dict.fromkeys(
    ("Healthy", "Degraded", "Throttled", "NearlyFull"), "True"
)
WORKLOADS = {
    "settled": Workload(wanted=2, current=True, replicas=2, updated=2, ready=2),
    "asleep": Workload(wanted=0, current=True),
    "starting": Workload(wanted=2, current=True, replicas=2, updated=2),
    "growing": Workload(wanted=3, current=True, replicas=3, updated=3, ready=2),
    "no-image": Workload(wanted=1, current=True, replicas=1, updated=1, pods=Trouble("ImagePullBackOff", "no image")),
    "no-quota": Workload(wanted=1, current=True, failure=Trouble("FailedCreate", "exceeded quota")),
    "late": Workload(wanted=1, current=True, replicas=1, deadline=Trouble("ProgressDeadlineExceeded", "too long")),
}


def samples() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each object under a name of its own."""
    for kind, raw in (("WebhookEndpoint", _ENDPOINT), ("Subscription", _SUBSCRIPTION), ("DispatcherPool", _POOL)):
        yield f"{kind}/new", raw | {"status": {"observedGeneration": -1}}
        yield f"{kind}/without-status", dict(raw)
    yield from ((f"WebhookEndpoint/{name}", _object(_ENDPOINT, patch)) for name, patch in _endpoints())
    yield from ((f"Subscription/{name}", _object(_SUBSCRIPTION, patch)) for name, patch in _subscriptions())
    yield from ((f"DispatcherPool/{name}", _object(_POOL, patch)) for name, patch in _pools())
    yield from _with_deliveries()


def _endpoints() -> Iterator[tuple[str, StatusPatch]]:
    yield "no-subscription", _decided_endpoint()
    yield "in-place", _decided_endpoint(subscriptions=frozenset({"a"}), in_place=frozenset({"a"}))
    yield "part-missing", _decided_endpoint(subscriptions=frozenset({"a", "b"}), in_place=frozenset({"a"}))
    yield "suspended", _decided_endpoint({"suspend": True})
    yield "secret-missing", _decided_endpoint(SIGNED)
    unlabelled = SecretValue("shop", "signing", labelled=False)
    yield "secret-not-labelled", _decided_endpoint(SIGNED, secrets={"signing": unlabelled})
    no_key = SecretValue("shop", "signing", labelled=True, data={"other": SecretStr(SIGNING_KEY)})
    yield "secret-without-key", _decided_endpoint(SIGNED, secrets={"signing": no_key})
    yield "pool-missing", _decided_endpoint({"poolRef": {"name": "eu"}})
    closed = _pool_of({"allowedNamespaces": ["books"]})
    yield "pool-closed", _decided_endpoint({"poolRef": {"name": "eu"}}, pool=closed)
    yield "broken", broken_status(Broken(Key("WebhookEndpoint", "shop", "orders"), "u1", 1, "spec.url: no scheme"))
    for fault in FAULTS:
        yield fault.reason, endpoint_status(_endpoint_of({}), verdict=verdict_of(fault))


def _subscriptions() -> Iterator[tuple[str, StatusPatch]]:
    broken = Broken(Key("WebhookEndpoint", "shop", "orders"), "u1", 1, "spec.url: no scheme")
    ordered = {"ordering": {"keyFrom": "event.subject"}}
    yield "in-place", _decided_subscription(endpoint=_endpoint_of({}))
    yield "ordered", _decided_subscription(ordered, endpoint=_endpoint_of({}))
    yield "endpoint-missing", _decided_subscription(endpoint=None)
    yield "endpoint-broken", _decided_subscription(endpoint=broken)
    yield "suspended", _decided_subscription({"suspend": True}, endpoint=_endpoint_of({}))
    yield "endpoint-suspended", _decided_subscription(endpoint=_endpoint_of({"suspend": True}))
    yield "secret-missing", _decided_subscription(endpoint=_endpoint_of(SIGNED))
    yield "bad-expression", _decided_subscription({"filter": {"cel": "event.data.("}}, endpoint=_endpoint_of({}))
    yield "broken", broken_status(Broken(Key("Subscription", "shop", "all"), "u1", 1, "spec.eventTypes: empty"))
    for fault in FAULTS:
        yield fault.reason, subscription_status(_subscription_of({}), verdict=verdict_of(fault))


def _pools() -> Iterator[tuple[str, StatusPatch]]:
    pool = _pool_of({})
    yield "in-place", decide_pool(pool, replicas=1).status
    yield "durable", decide_pool(pool, replicas=3).status
    for name, workload in WORKLOADS.items():
        yield name, pool_status(pool, verdict=workload_verdict(workload), replicas=1)
    for fault in FAULTS:
        yield fault.reason, pool_status(pool, verdict=verdict_of(fault), replicas=1)


def _with_deliveries() -> Iterator[tuple[str, dict[str, Any]]]:
    """Add each state of deliveries to objects that are in place."""
    in_place = {
        "WebhookEndpoint": _object(_ENDPOINT, _decided_endpoint()),
        "Subscription": _object(_SUBSCRIPTION, _decided_subscription(endpoint=_endpoint_of({}))),
    }
    for kind, raw in in_place.items():
        for state in get_args(DeliveryState):
            condition = {"type": "Delivering", "status": DELIVERING.get(state, "False"), "reason": state}
            told = condition | {"message": "as the dispatcher says", "lastTransitionTime": "2026-11-24T10:00:00Z"}
            status = raw["status"] | {
                "conditions": [told, *raw["status"]["conditions"]],
                "delivery": {"state": state},
            }
            yield f"{kind}/in-place,{state}", raw | {"status": status}


def _object(raw: dict[str, Any], patch: StatusPatch) -> dict[str, Any]:
    return raw | {"status": status_document(patch, current={}, now=NOW)}


def _decided_endpoint(spec: dict[str, Any] | None = None, **inputs: Any) -> StatusPatch:
    given: dict[str, Any] = {"pool": None, "secrets": {}} | inputs
    return decide_endpoint(EndpointInputs(endpoint=_endpoint_of(spec or {}), **given)).status


def _decided_subscription(
    spec: dict[str, Any] | None = None, *, endpoint: WebhookEndpoint | Broken | None
) -> StatusPatch:
    decided = _subscription_of(spec or {})
    inputs = SubscriptionInputs(subscription=decided, endpoint=endpoint, pool=None)
    return decide_subscription(inputs).status


def _endpoint_of(spec: dict[str, Any]) -> WebhookEndpoint:
    parsed = parse(endpoint(**spec))
    assert isinstance(parsed, WebhookEndpoint)
    return parsed


def _subscription_of(spec: dict[str, Any]) -> Subscription:
    parsed = parse(subscription("all", **spec))
    assert isinstance(parsed, Subscription)
    return parsed


def _pool_of(spec: dict[str, Any]) -> DispatcherPool:
    parsed = parse(document("DispatcherPool", "eu", spec))
    assert isinstance(parsed, DispatcherPool)
    return parsed


_ENDPOINT, _SUBSCRIPTION, _POOL = endpoint(), subscription(), document("DispatcherPool", "eu", {})
