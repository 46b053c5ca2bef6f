"""The status of a resource on a real API server: two writers, one schema."""

import datetime as dt
import json
import re
from typing import Any

import pytest
import yaml

from hack.kubernetes import ApiServer
from jethook_contract.status import DeliveringCondition, DeliveryStatus, HandshakeStatus, LastError, ParkedKey
from jethook_operator.api.delivery import EndpointDelivery, SubscriptionDelivery
from jethook_operator.api.parse import parse
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import WebhookEndpoint

pytestmark = pytest.mark.api

NOW = dt.datetime(2026, 11, 24, 6, 0, 0, 123456, tzinfo=dt.UTC)
DELIVERY = DeliveryStatus(
    state="CircuitOpen",
    limited_by="CircuitBreaker",
    success_percent=12,
    delivered=91234,
    retried=7,
    failed_attempts=8,
    dead_lettered=3,
    in_flight=0,
    backlog=18204,
    oldest_undelivered_time=NOW,
    last_delivery_time=NOW,
    last_attempt_time=NOW,
    next_attempt_time=NOW + dt.timedelta(hours=1),
    last_error=LastError(reason="HTTPStatus", status_code=503, time=NOW, message="Service Unavailable"),
    p50_milliseconds=2,
    p99_milliseconds=6,
    allowed_requests_per_second=7,
    handshake=HandshakeStatus(state="Allowed", requests_per_minute=420, time=NOW, message="asked by OPTIONS"),
    parked_keys=(
        ParkedKey(key="order-17", sequence=41, event_id="17-2", attempts=3, waiting=2, next_attempt_time=NOW),
    ),
    parked_key_count=31,
)
DELIVERING = DeliveringCondition(status="False", reason="CircuitOpen", message="503", last_transition_time=NOW)
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Programmed",
    "message": "",
    "lastTransitionTime": NOW.isoformat(),
}
HEADING = [
    *["NAME", "READY", "DELIVERING", "STATE", "SUCCESS %", "BACKLOG", "OLDEST", "LAST DELIVERY", "AGE"],
    *["URL", "LIMITED BY", "NEXT ATTEMPT", "LAST ERROR", "POOL"],
]
SPECS = {
    "WebhookEndpoint": {"url": "https://hooks.example.com/orders"},
    "Subscription": {"endpointRef": {"name": "crm"}, "eventTypes": ["com.example.order.**"]},
}


def plain(record: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = record.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped


def dispatchers_half(kind: str) -> dict[str, Any]:
    model = SubscriptionDelivery if kind == "Subscription" else EndpointDelivery
    known = {field.alias for field in model.model_fields.values()}
    delivery = {name: value for name, value in plain(DELIVERY).items() if name in known}
    return {"delivery": delivery, "conditions": [{"type": "Delivering", **plain(DELIVERING)}]}


def operators_half(kind: str) -> dict[str, Any]:
    own: dict[str, Any] = {"url": "https://hooks.example.com/orders"}
    if kind == "Subscription":
        own = {"types": "com.example.order.**", "consumer": {"stream": "JETHOOK_EVENTS_shop", "name": "sub_crm"}}
    return {"observedGeneration": 1, "conditions": [READY], **own}


def apply_both(kube: ApiServer, namespace: str, kind: str) -> None:
    """Create an object and let both writers say their half by server-side apply."""
    head = {"apiVersion": "jethook.io/v1alpha1", "kind": kind, "metadata": {"name": "crm", "namespace": namespace}}
    kube.kubectl("apply", "-f", "-", stdin=json.dumps({**head, "spec": SPECS[kind]}))
    for manager, half in (("jethook-operator", operators_half(kind)), ("jethook-dispatcher", dispatchers_half(kind))):
        whole = ["apply", "--server-side", "--subresource=status", f"--field-manager={manager}", "-f", "-"]
        kube.kubectl(*whole, stdin=json.dumps({**head, "status": half}))


@pytest.mark.parametrize("kind", SPECS)
def test_both_writers_keep_their_half(kube: ApiServer, kube_namespace: str, kind: str) -> None:
    apply_both(kube, kube_namespace, kind)
    stored = yaml.safe_load(kube.kubectl("get", kind, "crm", "-n", kube_namespace, "-o", "yaml").stdout)
    parsed = parse(stored)
    assert isinstance(parsed, WebhookEndpoint | Subscription)
    assert parsed.status is not None
    assert parsed.status.observed_generation == 1
    assert parsed.status.delivery is not None
    assert plain(parsed.status.delivery) == dispatchers_half(kind)["delivery"]
    assert {condition.type for condition in parsed.status.conditions or ()} == {"Ready", "Delivering"}


def test_kubectl_get_shows_the_columns(kube: ApiServer, kube_namespace: str) -> None:
    apply_both(kube, kube_namespace, "WebhookEndpoint")
    heading, row = kube.kubectl("get", "whe", "-n", kube_namespace, "-o", "wide").stdout.splitlines()
    assert re.split(r" {2,}", heading.strip()) == HEADING
    assert row.split()[:6] == ["crm", "True", "False", "CircuitOpen", "12", "18204"]
    assert row.split()[-4:] == ["CircuitBreaker", "2026-11-24T07:00:00.123456Z", "HTTPStatus", "default"]
    assert "<invalid>" not in row


def test_the_category_lists_every_kind(kube: ApiServer, kube_namespace: str) -> None:
    for kind in SPECS:
        apply_both(kube, kube_namespace, kind)
    listed = kube.kubectl("get", "jethook", "-n", kube_namespace, "-o", "name").stdout.split()
    assert sorted(listed) == ["subscription.jethook.io/crm", "webhookendpoint.jethook.io/crm"]
