"""A dispatcher's status patch turns into an Event, on a real API server, by the operator with its own rights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hack.kubernetes import ApiServer
from jethook_operator.shell.settings import OperatorSettings
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.shell.documents import ALL, ENDPOINT
from tests.operator.shell.running_operator import running
from tests.operator.shell.tenant import SYSTEM, Tenant, settings_for

pytestmark = pytest.mark.api
SECONDS = 20.0
GONE = "the receiver answered 410: it takes no more events"


@pytest.fixture
def tenant(kube: ApiServer, kube_namespace: str) -> Tenant:
    return Tenant(kube, kube_namespace)


@pytest.fixture
def settings(kube: ApiServer, nats_server: NatsServer, tmp_path: Path) -> OperatorSettings:
    return settings_for(kube, nats_server, tmp_path)


@pytest.fixture
def dispatcher(kube: ApiServer, settings: OperatorSettings) -> Path:
    """Give the kubeconfig of the dispatchers' account, which may patch statuses and nothing else."""
    assert settings.kubeconfig is not None, "the rights are applied"
    return kube.kubeconfig_for("jethook-dispatcher", namespace=SYSTEM)


async def report(tenant: Tenant, dispatcher: Path, state: str, *, status: str = "False", message: str = "") -> None:
    """Patch an endpoint's status as a dispatcher does."""
    condition = {
        "type": "Delivering",
        "status": status,
        "reason": state,
        "message": message,
        "lastTransitionTime": "2026-11-24T10:00:00Z",
    }
    half = {
        "apiVersion": "jethook.io/v1alpha1",
        "kind": "WebhookEndpoint",
        "metadata": {"name": "orders", "namespace": tenant.namespace},
        "status": {"conditions": [condition], "delivery": {"state": state}},
    }
    apply = ("apply", "--server-side", "--subresource=status", "--field-manager=jethook-dispatcher", "-f", "-")
    await tenant.kubectl(*apply, f"--kubeconfig={dispatcher}", stdin=json.dumps(half))


async def events(tenant: Tenant) -> list[Any]:
    """Give the Events on the endpoint, oldest first."""
    selector = "involvedObject.name=orders,involvedObject.kind=WebhookEndpoint"
    listed = json.loads(await tenant.kubectl("get", "events", "--field-selector", selector, "-o", "json"))["items"]
    return sorted(listed, key=lambda event: event["firstTimestamp"])


async def told(tenant: Tenant, reason: str) -> Any:
    """Wait for an Event, and give it."""

    async def probe() -> Any:
        return next((event for event in await events(tenant) if event["reason"] == reason), None)

    return await eventually(probe, seconds=SECONDS, every_seconds=0.2)


async def test_a_turn_in_a_status_is_an_event_on_its_object_and_no_reconcile(
    settings: OperatorSettings, tenant: Tenant, dispatcher: Path
) -> None:
    async with running(settings):
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        await report(tenant, dispatcher, "Healthy", status="True")
        await report(tenant, dispatcher, "Disabled", message=GONE)
        event = await told(tenant, "Disabled")
        endpoint = await tenant.get("whe", "orders")
        assert (event["type"], event["message"], event["count"]) == ("Warning", GONE, 1)
        assert event["involvedObject"]["uid"] == endpoint["metadata"]["uid"]
        assert event["source"]["component"] == "jethook-operator"
        await report(tenant, dispatcher, "Idle", status="Unknown")
        assert (await told(tenant, "Resumed"))["type"] == "Normal"
        shown = await tenant.kubectl("describe", "whe", "orders")
        assert "Warning  Disabled" in shown.partition("Events:")[2]
        assert (await tenant.get("whe", "orders"))["metadata"]["generation"] == endpoint["metadata"]["generation"]


async def test_a_start_tells_nothing_of_what_was_so_before(
    settings: OperatorSettings, tenant: Tenant, dispatcher: Path
) -> None:
    async with running(settings):
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
    await report(tenant, dispatcher, "CircuitOpen", message="503")
    before = await events(tenant)
    async with running(settings):
        await tenant.apply(ENDPOINT.replace("orders", "marker"))
        await eventually(lambda: tenant.is_ready("whe", "marker"), seconds=SECONDS)
        await report(tenant, dispatcher, "Healthy", status="True")
        await told(tenant, "CircuitClosed")
        assert "CircuitOpened" not in {event["reason"] for event in await events(tenant)}
    assert len(await events(tenant)) == len(before) + 1
