"""Reports on their way to the resources, with a real API server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hack.kubernetes import ApiServer
from jethook_contract.errors import Unavailable
from jethook_contract.status import DeliveringCondition, DeliveryStatus, LastError, StatusRecord
from jethook_dispatcher.shell.kube_client import KubeClient
from jethook_dispatcher.shell.kube_status import KubeStatusWriter
from tests.dispatcher.status.conftest import START, ManualClock
from tests.fixtures.poll import eventually

SHARD = 7
ENDPOINT = """
apiVersion: jethook.io/v1alpha1
kind: WebhookEndpoint
metadata: {name: crm}
spec: {url: "https://crm.example.com/in"}
"""
SUBSCRIPTION = """
apiVersion: jethook.io/v1alpha1
kind: Subscription
metadata: {name: orders-to-crm}
spec: {endpointRef: {name: crm}, eventTypes: ["com.example.order.**"]}
"""
OPERATORS_HALF = {
    "observedGeneration": 1,
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Programmed",
            "message": "",
            "lastTransitionTime": "2026-11-24T09:00:00Z",
            "observedGeneration": 1,
        }
    ],
}


class Cluster:
    """A namespace on a real API server, seen as admin."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.namespace = server.new_namespace("status")

    def create(self, manifest: str) -> str:
        """Create an object and give its UID."""
        made = self.server.kubectl("create", "-n", self.namespace, "-o", "json", "-f", "-", stdin=manifest)
        return str(json.loads(made.stdout)["metadata"]["uid"])

    def delete(self, resource: str, name: str) -> None:
        self.server.kubectl("delete", "-n", self.namespace, resource, name)

    def get(self, resource: str, name: str) -> dict[str, Any]:
        got = self.server.kubectl("get", "-n", self.namespace, resource, name, "-o", "json", "--show-managed-fields")
        found: dict[str, Any] = json.loads(got.stdout)
        return found

    def status(self, resource: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(resource, name).get("status", {})
        return found

    def condition(self, resource: str, name: str, kind: str) -> dict[str, Any] | None:
        conditions = self.status(resource, name).get("conditions", [])
        return next((condition for condition in conditions if condition["type"] == kind), None)

    def record(self, *, uid: str, delivered: int = 1, kind: str = "WebhookEndpoint") -> StatusRecord:
        error = LastError(reason="Timeout", time=START, message="no complete answer within 15 s")
        return StatusRecord.model_validate(
            {
                "kind": kind,
                "namespace": self.namespace,
                "name": "crm" if kind == "WebhookEndpoint" else "orders-to-crm",
                "uid": uid,
                "delivery": DeliveryStatus(state="Healthy", delivered=delivered, last_error=error),
                "condition": DeliveringCondition(status="True", reason="Delivering", last_transition_time=START),
            }
        )


@pytest.fixture
def cluster(kube: ApiServer) -> Cluster:
    return Cluster(kube)


@pytest.fixture
async def client(kube: ApiServer) -> AsyncIterator[KubeClient]:
    opened = await KubeClient.open(kube.kubeconfig)
    yield opened
    await opened.close()


@asynccontextmanager
async def running(client: KubeClient) -> AsyncIterator[KubeStatusWriter]:
    writer = KubeStatusWriter(client, clock=ManualClock(), holds=lambda _: True, share=lambda: 1.0)
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _managers(found: Mapping[str, Any]) -> Iterator[str]:
    return (entry["manager"] for entry in found["metadata"]["managedFields"])


async def test_two_managers_share_a_status_and_each_keeps_its_own(cluster: Cluster, client: KubeClient) -> None:
    uid = cluster.create(ENDPOINT)
    operator = json.dumps(
        {
            "apiVersion": "jethook.io/v1alpha1",
            "kind": "WebhookEndpoint",
            "metadata": {"name": "crm"},
            "status": OPERATORS_HALF,
        }
    )
    apply = ("apply", "-n", cluster.namespace, "--server-side", "--subresource=status")
    cluster.server.kubectl(*apply, "--field-manager=jethook-operator", "-f", "-", stdin=operator)
    async with running(client) as writer:
        writer.offer(cluster.record(uid=uid, delivered=7), shard=SHARD)
        await eventually(lambda: cluster.condition("whe", "crm", "Delivering"))
    cluster.server.kubectl(*apply, "--field-manager=jethook-operator", "-f", "-", stdin=operator)
    status = cluster.status("whe", "crm")
    assert status["observedGeneration"] == 1
    assert {condition["type"] for condition in status["conditions"]} == {"Ready", "Delivering"}
    assert status["delivery"] == {
        "state": "Healthy",
        "delivered": 7,
        "retried": 0,
        "failedAttempts": 0,
        "deadLettered": 0,
        "backlog": 0,
        "lastError": {
            "reason": "Timeout",
            "statusCode": 0,
            "time": "2026-11-24T10:00:00Z",
            "message": "no complete answer within 15 s",
        },
    }
    assert {"jethook-operator", "jethook-dispatcher"} <= set(_managers(cluster.get("whe", "crm")))


async def test_each_apply_is_complete(cluster: Cluster, client: KubeClient) -> None:
    uid = cluster.create(ENDPOINT)
    full = cluster.record(uid=uid)
    bare = full.model_copy(update={"delivery": DeliveryStatus(delivered=2)})
    async with running(client) as writer:
        for record, delivered in ((full, 1), (bare, 2)):
            writer.offer(record, shard=SHARD)
            await eventually(lambda n=delivered: cluster.status("whe", "crm").get("delivery", {}).get("delivered") == n)
    assert "lastError" not in cluster.status("whe", "crm")["delivery"]


async def test_subscription_is_written_too(cluster: Cluster, client: KubeClient) -> None:
    uid = cluster.create(SUBSCRIPTION)
    async with running(client) as writer:
        writer.offer(cluster.record(uid=uid, delivered=3, kind="Subscription"), shard=SHARD)
        await eventually(lambda: cluster.status("whsub", "orders-to-crm").get("delivery", {}).get("delivered") == 3)
    assert cluster.condition("whsub", "orders-to-crm", "Delivering")


async def test_object_of_another_uid_is_left_alone_also_when_made_anew(cluster: Cluster, client: KubeClient) -> None:
    old = cluster.create(ENDPOINT)
    writer = KubeStatusWriter(client, clock=ManualClock(), holds=lambda _: True, share=lambda: 1.0)
    writer.offer(cluster.record(uid="00000000-0000-0000-0000-000000000000"), shard=SHARD)
    await writer.flush(shard=SHARD)
    assert "delivery" not in cluster.status("whe", "crm")
    writer.offer(cluster.record(uid=old), shard=SHARD)
    await writer.flush(shard=SHARD)
    assert cluster.status("whe", "crm")["delivery"]["delivered"] == 1
    cluster.delete("whe", "crm")
    writer.offer(cluster.record(uid=old, delivered=2), shard=SHARD)
    await writer.flush(shard=SHARD)  # 404: forgotten, not tried again
    new = cluster.create(ENDPOINT)
    writer.offer(cluster.record(uid=old, delivered=3), shard=SHARD)
    await writer.flush(shard=SHARD)
    assert "delivery" not in cluster.status("whe", "crm")
    writer.offer(cluster.record(uid=new, delivered=4), shard=SHARD)
    await writer.flush(shard=SHARD)
    assert cluster.status("whe", "crm")["delivery"]["delivered"] == 4


async def test_patch_on_status_is_all_the_permission_it_needs(cluster: Cluster, kube: ApiServer) -> None:
    uid = cluster.create(ENDPOINT)
    where = ("-n", cluster.namespace)
    kubeconfig = kube.kubeconfig_for("dispatcher", namespace=cluster.namespace)
    bare = await KubeClient.open(kubeconfig)
    try:
        with pytest.raises(Unavailable, match="Forbidden"):
            await bare.apply_status("WebhookEndpoint", namespace=cluster.namespace, name="crm", status={})
        kube.kubectl(
            "create", "role", "status", *where, "--verb=patch", "--resource=webhookendpoints.jethook.io/status"
        )
        account = f"--serviceaccount={cluster.namespace}:dispatcher"
        kube.kubectl("create", "rolebinding", "status", *where, "--role=status", account)
        writer = KubeStatusWriter(bare, clock=ManualClock(), holds=lambda _: True, share=lambda: 1.0)

        async def shown() -> bool:
            writer.offer(cluster.record(uid=uid), shard=SHARD)
            await writer.flush(shard=SHARD)
            return "delivery" in cluster.status("whe", "crm")

        await eventually(shown)
    finally:
        await bare.close()


async def test_while_the_api_server_is_away_the_newest_record_waits(own_kube: ApiServer) -> None:
    cluster = Cluster(own_kube)
    uid = cluster.create(ENDPOINT)
    client = await KubeClient.open(own_kube.kubeconfig)
    try:
        async with running(client) as writer:
            own_kube.kill()
            for delivered in range(1, 100):
                writer.offer(cluster.record(uid=uid, delivered=delivered), shard=SHARD)
            await eventually(lambda: writer._pause_seconds > 1)
            own_kube.start()
            await eventually(
                lambda: cluster.status("whe", "crm").get("delivery", {}).get("delivered") == 99, seconds=30
            )
    finally:
        await client.close()


async def test_record_without_uid_comes_from_files_and_is_not_shown(client: KubeClient, cluster: Cluster) -> None:
    cluster.create(ENDPOINT)
    writer = KubeStatusWriter(client, clock=ManualClock(), holds=lambda _: True, share=lambda: 1.0)
    writer.offer(cluster.record(uid=""), shard=SHARD)
    await writer.flush(shard=SHARD)
    assert "delivery" not in cluster.status("whe", "crm")


async def test_document_that_the_server_refuses_is_dropped_and_holds_up_nothing(
    client: KubeClient, cluster: Cluster
) -> None:
    uid = cluster.create(ENDPOINT)
    good = cluster.record(uid=uid)
    bad = good.model_copy(update={"delivery": DeliveryStatus(success_percent=1000)})
    writer = KubeStatusWriter(client, clock=ManualClock(), holds=lambda _: True, share=lambda: 1.0)
    for record in (bad, good):
        writer.offer(record, shard=SHARD)
        await writer.flush(shard=SHARD)
    assert cluster.status("whe", "crm")["delivery"]["delivered"] == 1
