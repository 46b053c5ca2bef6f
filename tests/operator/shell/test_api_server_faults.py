"""An API server that refuses: nothing is lost, nothing is asked in a hot loop, and it goes on by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hack.kubernetes import ApiServer
from jethook_operator.shell.settings import OperatorSettings
from tests.fixtures.api_proxy import ApiProxy, Asked, Refusal, api_proxy
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.shell.documents import ALL, ENDPOINT, SECRET
from tests.operator.shell.running_operator import condition, running
from tests.operator.shell.tenant import MANIFESTS, SYSTEM, Tenant, settings_for

SECONDS = 20.0
COUNT = 30
REFUSED_SECONDS = 9.0


@pytest.fixture
def tenant(kube: ApiServer, kube_namespace: str) -> Tenant:
    return Tenant(kube, kube_namespace)


@pytest.fixture
def settings(kube: ApiServer, nats_server: NatsServer, tmp_path: Path) -> OperatorSettings:
    return settings_for(kube, nats_server, tmp_path)


@pytest.fixture
async def proxy(kube: ApiServer) -> AsyncIterator[ApiProxy]:
    async with api_proxy(kube) as found:
        yield found


def many() -> str:
    return "---\n".join([SECRET, *(ENDPOINT.replace("orders", f"many-{number}") for number in range(COUNT))])


@pytest.mark.parametrize(
    ("refusal", "most"),
    [
        # Eight workers are out when the first refusal comes; each further look is after what was asked for.
        (Refusal(429, {"Retry-After": "3"}), 60),
        (Refusal(503, {"Retry-After": "3"}), 60),
        (Refusal(500), 150),
        (Refusal(429), 150),
    ],
    ids=lambda value: f"{value.status}{'-retry-after' * bool(value.headers)}" if isinstance(value, Refusal) else "",
)
async def test_refusals_are_answered_by_patience_and_all_is_done_when_they_end(
    settings: OperatorSettings, tenant: Tenant, proxy: ApiProxy, tmp_path: Path, *, refusal: Refusal, most: int
) -> None:
    through = proxy.kubeconfig_for("jethook-operator", namespace=SYSTEM, folder=tmp_path)

    def refuse(asked: Asked) -> Refusal | None:
        return None if asked.watch else refusal

    async with running(replace(settings, kubeconfig=through)):
        await tenant.apply(ENDPOINT)
        await eventually(lambda: tenant.is_ready("whe", "orders", "False"), seconds=SECONDS)
        proxy.refuse = refuse
        began = time.monotonic()
        await tenant.apply(many())
        await asyncio.sleep(REFUSED_SECONDS)
        asked = proxy.since(began)
        assert asked
        assert len(asked) <= most, [f"{one.method} {one.path}" for one in asked]
        if refusal.headers:
            first = next(one.at for one in asked if not one.watch)
            assert [one for one in asked if first + 0.5 < one.at < first + 2.9] == []
        proxy.refuse = lambda _: None

        async def all_ready() -> bool:
            return all([await tenant.is_ready("whe", f"many-{number}") for number in range(0, COUNT, 7)])

        await eventually(all_ready, seconds=60, every_seconds=0.5)


async def test_a_right_that_is_taken_and_given_back_while_running_is_named_and_nothing_is_lost(
    settings: OperatorSettings, tenant: Tenant, kube: ApiServer
) -> None:
    async with running(settings) as task:
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        await tenant.kubectl("delete", "clusterrolebinding", "jethook-operator")
        with capture_logs() as logged:
            await tenant.kubectl("patch", "whe", "orders", "--type=merge", "-p", '{"spec": {"suspend": true}}')
            await asyncio.sleep(6)
        refused = [line for line in logged if line["event"] == "reconcile_failed" and line["reason"] == "Forbidden"]
        assert 1 <= len(refused) <= 24
        assert "webhookendpoints/status" in refused[0]["message"]
        assert not task.done()
        await asyncio.to_thread(kube.kubectl, "apply", "-f", str(MANIFESTS))

        async def observed() -> bool:
            found = await tenant.get("whe", "orders")
            return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])

        await eventually(observed, seconds=45, every_seconds=0.5)


async def test_a_namespace_that_is_deleted_with_everything_in_it_leaves_nothing_hanging(
    settings: OperatorSettings, tenant: Tenant
) -> None:
    async with running(settings) as task:
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        with capture_logs() as logged:
            await tenant.kubectl("delete", "namespace", tenant.namespace, "--wait=false")
            # Here no controller empties the namespace: its objects go in the order in which one might.
            await tenant.kubectl("delete", "secret", "keys")
            await eventually(lambda: tenant.is_ready("whe", "orders", "False"), seconds=SECONDS)
            await tenant.kubectl("delete", "whe,whsub", "--all", "--timeout=20s")
            await asyncio.sleep(3)
        assert not task.done()
        assert [line for line in logged if line["event"] == "reconcile_failed"] == []
        assert [line for line in logged if line["log_level"] == "error"] == []
        left = [line for line in logged if line["event"] == "event_not_posted"]
        assert len(left) <= 5  # a namespace that ends takes no Events: said, and let go


async def test_a_status_that_another_manager_forced_is_put_right_and_not_fought_over(
    settings: OperatorSettings, tenant: Tenant, proxy: ApiProxy, tmp_path: Path
) -> None:
    through = proxy.kubeconfig_for("jethook-operator", namespace=SYSTEM, folder=tmp_path)
    forced = (
        '{"apiVersion": "jethook.io/v1alpha1", "kind": "WebhookEndpoint", "metadata": {"name": "orders"},'
        ' "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True", "reason": "Mine",'
        ' "message": "", "lastTransitionTime": "2026-11-24T10:00:00Z"}]}}'
    )
    apply = ("apply", "--server-side", "--subresource=status", "--field-manager=other", "--force-conflicts", "-f", "-")
    async with running(replace(settings, kubeconfig=through, resync_seconds=3.0)):
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        began = time.monotonic()
        await tenant.kubectl(*apply, stdin=forced)
        assert condition(await tenant.get("whe", "orders"), "Ready")["reason"] == "Mine"

        async def put_right() -> bool:
            return bool(condition(await tenant.get("whe", "orders"), "Ready")["reason"] != "Mine")

        await eventually(put_right, seconds=SECONDS)
        await asyncio.sleep(7)
        writes = [
            one for one in proxy.since(began) if one.path.endswith(f"{tenant.namespace}/webhookendpoints/orders/status")
        ]
        assert len(writes) == 1
