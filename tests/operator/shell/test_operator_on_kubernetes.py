"""The whole operator on a real API server, with no more rights than its manifest gives, and a real nats-server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from hack.kubernetes import ApiServer
from jethook_contract.errors import Unavailable
from jethook_operator.shell.settings import OperatorSettings
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.shell.documents import ALL, ENDPOINT, SECRET, SUBSCRIPTION
from tests.operator.shell.running_operator import NatsView, condition, nats_view, running
from tests.operator.shell.tenant import MANIFESTS, ROOT, SYSTEM, Tenant, settings_for

SECONDS = 20.0


@pytest.fixture
def tenant(kube: ApiServer, kube_namespace: str) -> Tenant:
    return Tenant(kube, kube_namespace)


@pytest.fixture
def settings(kube: ApiServer, nats_server: NatsServer, tmp_path: Path) -> OperatorSettings:
    return settings_for(kube, nats_server, tmp_path)


@pytest.fixture
async def view(nats_server: NatsServer) -> AsyncIterator[NatsView]:
    async with nats_view(nats_server.url) as found:
        yield found


async def test_applied_objects_become_ready_and_a_restart_writes_nothing(
    settings: OperatorSettings, tenant: Tenant, view: NatsView
) -> None:
    async with running(settings):
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        await eventually(lambda: Tenant(tenant.server, SYSTEM).is_ready("whpool", "default"), seconds=SECONDS)
    endpoint, subscription = await tenant.get("whe", "orders"), await tenant.get("whsub", "all")
    assert endpoint["status"]["observedGeneration"] == endpoint["metadata"]["generation"]
    assert subscription["status"]["consumer"]["name"] == "sub_all"
    assert await view.consumers(tenant.namespace) == {"sub_all"}
    assert (await view.plan())[f"{tenant.namespace}.orders.all"]["endpoint"]["uid"] == endpoint["metadata"]["uid"]
    async with running(settings):
        await tenant.apply(ENDPOINT.replace("orders", "marker"))
        await eventually(lambda: tenant.is_ready("whe", "marker"), seconds=SECONDS)
    assert await tenant.get("whe", "orders") == endpoint
    assert await tenant.get("whsub", "all") == subscription


async def test_a_secret_that_comes_late_and_gets_its_label_later(settings: OperatorSettings, tenant: Tenant) -> None:
    async with running(settings):
        await tenant.apply(f"{ENDPOINT}---\n{SUBSCRIPTION}")
        await eventually(lambda: tenant.is_ready("whe", "orders", "False"), seconds=SECONDS)
        await tenant.apply(SECRET.replace(', labels: {jethook.io/use: "true"}', ""))
        await tenant.kubectl("annotate", "whe", "orders", "look=again")

        async def label_asked_for() -> bool:
            return "jethook.io/use=true" in condition(await tenant.get("whe", "orders"), "Ready")["message"]

        await eventually(label_asked_for, seconds=SECONDS)
        await tenant.kubectl("label", "secret", "keys", "jethook.io/use=true")
        await eventually(tenant.all_ready, seconds=SECONDS)
        await tenant.kubectl("label", "secret", "keys", "jethook.io/use-")
        await eventually(lambda: tenant.is_ready("whe", "orders", "False"), seconds=SECONDS)


async def test_the_dispatchers_half_of_a_status_stays_and_causes_no_write(
    settings: OperatorSettings, tenant: Tenant
) -> None:
    delivering = {
        "type": "Delivering",
        "status": "True",
        "reason": "Delivered",
        "message": "",
        "lastTransitionTime": "2026-11-24T10:00:00Z",
    }
    async with running(settings):
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        half = {
            "apiVersion": "jethook.io/v1alpha1",
            "kind": "WebhookEndpoint",
            "metadata": {"name": "orders"},
            "status": {"conditions": [delivering], "delivery": {"state": "Healthy", "delivered": 5}},
        }
        apply = ("apply", "--server-side", "--subresource=status", "--field-manager=jethook-dispatcher", "-f", "-")
        await tenant.kubectl(*apply, stdin=json.dumps(half))
        before = await tenant.get("whe", "orders")
        await tenant.kubectl("annotate", "whe", "orders", "look=again")
        await tenant.apply(ENDPOINT.replace("orders", "marker"))
        await eventually(lambda: tenant.is_ready("whe", "marker"), seconds=SECONDS)
        assert (await tenant.get("whe", "orders"))["status"] == before["status"]
        await tenant.kubectl("patch", "whe", "orders", "--type=merge", "-p", '{"spec": {"suspend": true}}')

        async def observed() -> bool:
            found = await tenant.get("whe", "orders")
            return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])

        await eventually(observed, seconds=SECONDS)
    after = await tenant.get("whe", "orders")
    assert condition(after, "Delivering") == delivering
    assert after["status"]["delivery"]["delivered"] == 5


async def test_an_error_shows_as_an_event_on_its_object(settings: OperatorSettings, tenant: Tenant) -> None:
    async with running(settings):
        await tenant.apply(ENDPOINT)

        async def events() -> list[Any]:
            selector = "involvedObject.name=orders"
            listed = json.loads(await tenant.kubectl("get", "events", "--field-selector", selector, "-o", "json"))
            return list(listed["items"])

        await eventually(events, seconds=SECONDS)
    first = (await events())[0]
    assert first["type"] == "Warning"
    assert first["source"]["component"] == "jethook-operator"
    assert first["involvedObject"]["uid"] == (await tenant.get("whe", "orders"))["metadata"]["uid"]
    assert "keys" in first["message"]


async def test_rights_taken_away_at_a_restart_remove_nothing_and_are_named_in_the_log(
    kube: ApiServer, tenant: Tenant, view: NatsView, nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(kube, nats_server, tmp_path, orphan_grace_seconds=0.0)
    async with running(settings):
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
    before = await view.plan()
    await tenant.kubectl("delete", "clusterrolebinding", "jethook-operator")
    async with running(settings) as task:
        with capture_logs() as logged:
            await asyncio.wait({task}, timeout=6)  # more than one look of the orphan sweep could take
        assert not task.done()
        assert await view.plan() == before
        assert await view.consumers(tenant.namespace) == {"sub_all"}
        failed = [line for line in logged if line["event"] == "list_failed"]
        assert all("403" in line["message"] and "grant list and watch on" in line["cure"] for line in failed)
        assert failed
        await asyncio.to_thread(kube.kubectl, "apply", "-f", str(MANIFESTS))
        await tenant.apply(ENDPOINT.replace("orders", "marker"))
        await eventually(lambda: tenant.is_ready("whe", "marker"), seconds=SECONDS)
        assert await view.consumers(tenant.namespace) == {"sub_all"}


async def test_a_list_that_is_truly_empty_removes_the_plan_and_no_consumer_before_the_grace(
    settings: OperatorSettings, tenant: Tenant, view: NatsView
) -> None:
    async with running(settings):
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
    await tenant.kubectl("delete", "whe,whsub,secret", "--all")
    key = f"{tenant.namespace}.orders.all"
    assert key in await view.plan()
    async with running(settings):

        async def gone() -> bool:
            return key not in await view.plan()

        await eventually(gone, seconds=SECONDS)
        assert await view.consumers(tenant.namespace) == {"sub_all"}


async def test_the_api_server_goes_and_comes_back(own_kube: ApiServer, nats_server: NatsServer, tmp_path: Path) -> None:
    tenant = Tenant(own_kube, own_kube.new_namespace())
    settings = settings_for(own_kube, nats_server, tmp_path)
    async with running(settings) as task:
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        await asyncio.to_thread(own_kube.kill)
        await asyncio.wait({task}, timeout=3)
        assert not task.done()
        await asyncio.to_thread(own_kube.start)
        await tenant.apply(ENDPOINT.replace("orders", "after"))
        await eventually(lambda: tenant.is_ready("whe", "after"), seconds=60)


async def test_missing_crds_are_waited_for_and_a_removed_one_ends_the_process(
    own_kube: ApiServer, nats_server: NatsServer, tmp_path: Path
) -> None:
    crds = ROOT / "crds"
    await asyncio.to_thread(own_kube.kubectl, "delete", "--wait=false", "-f", str(crds))

    async def gone() -> bool:
        shown = await asyncio.to_thread(own_kube.kubectl, "get", "crd", "--output=name")
        return "jethook" not in shown.stdout

    await eventually(gone, seconds=60)  # kubectl's own wait was seen to hang after all had gone
    tenant = Tenant(own_kube, own_kube.new_namespace())
    settings = settings_for(own_kube, nats_server, tmp_path)
    async with running(settings) as task:
        await asyncio.wait({task}, timeout=2)
        assert not task.done()
        await asyncio.to_thread(own_kube.install_crds, crds)
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        await asyncio.to_thread(own_kube.kubectl, "delete", "--wait=false", "crd", "subscriptions.jethook.io")
        await asyncio.wait({task}, timeout=60)
    assert isinstance(task.exception(), Unavailable)
    assert task.exception().reason in {"WatchEnded", "KindGone"}  # type: ignore[union-attr] # asserted above


@pytest.mark.parametrize(
    ("event_type", "fault", "cure"),
    [("com.example.\\u2028\\uffff", "U+FFFF", "; remove it"), ("ж" * 90, "takes 540 characters", "; shorten it")],
)
async def test_a_type_that_only_code_can_refuse_is_stalled_until_repaired(
    settings: OperatorSettings, tenant: Tenant, *, event_type: str, fault: str, cure: str
) -> None:
    async with running(settings):
        await tenant.apply(ALL.replace('"com.example.**"', f'"com.example.**", "{event_type}"'))

        async def stalled() -> bool:
            return condition(await tenant.get("whsub", "all"), "Stalled").get("status") == "True"

        await eventually(stalled, seconds=SECONDS)
        message = condition(await tenant.get("whsub", "all"), "Stalled")["message"]
        assert message.startswith("spec.eventTypes[1]: ")
        assert fault in message
        assert message.endswith(cure)
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        assert condition(await tenant.get("whsub", "all"), "Stalled") == {}


async def test_an_object_made_anew_under_its_name_gets_its_own_status(
    settings: OperatorSettings, tenant: Tenant, view: NatsView
) -> None:
    async with running(settings):
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        await tenant.kubectl("delete", "whsub", "all")
        await tenant.apply(SUBSCRIPTION)
        await eventually(tenant.all_ready, seconds=SECONDS)
        uid = (await tenant.get("whsub", "all"))["metadata"]["uid"]

        async def adopted() -> bool:
            part = (await view.plan()).get(f"{tenant.namespace}.orders.all")
            return part is not None and part["subscription"]["uid"] == uid

        await eventually(adopted, seconds=SECONDS)
        assert await view.consumers(tenant.namespace) == {"sub_all"}
