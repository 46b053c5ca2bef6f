"""The whole operator that owns its pools' Deployments, on a real API server and a real nats-server."""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hack.kubernetes import ApiServer
from jethook_operator.core.pool_settings import ChildSettings
from jethook_operator.shell.settings import OperatorSettings
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.shell.documents import ENDPOINT, SECRET, SUBSCRIPTION
from tests.operator.shell.running_operator import NatsView, condition, nats_view, running
from tests.operator.shell.tenant import SYSTEM, Tenant, settings_for

SECONDS = 30.0
DISPATCHERS = ChildSettings(namespace=SYSTEM, image="example.com/dispatcher:1", nats_urls=("nats://nats:4222",))
REQUESTS = re.compile(
    r'^apiserver_request_total\{(?=[^}]*resource="([a-z]+)")(?=[^}]*subresource="([a-z]*)")(?=[^}]*verb="([A-Z]+)")'
    r"[^}]*\} (\d+)",
    re.MULTILINE,
)
WRITES = {"APPLY", "PATCH", "POST", "PUT", "DELETE"}
OWNED = {"deployments", "serviceaccounts", "poddisruptionbudgets", "networkpolicies", "secrets", "dispatcherpools"}
OWNED |= {"clusterrolebindings", "rolebindings", "webhookendpoints", "subscriptions"}


@pytest.fixture
def tenant(kube: ApiServer, kube_namespace: str) -> Tenant:
    return Tenant(kube, kube_namespace)


@pytest.fixture
def pools(kube: ApiServer) -> Iterator[Tenant]:
    """Use the operator's namespace, and leave no pool there to the tests that follow."""
    yield Tenant(kube, SYSTEM)
    kube.kubectl("delete", "dispatcherpools", "--all", f"--namespace={SYSTEM}")


@pytest.fixture
def settings(kube: ApiServer, nats_server: NatsServer, tmp_path: Path) -> OperatorSettings:
    return settings_for(kube, nats_server, tmp_path, plan_keys_dir=None, dispatchers=DISPATCHERS)


@pytest.fixture
async def view(nats_server: NatsServer) -> AsyncIterator[NatsView]:
    async with nats_view(nats_server.url) as found:
        yield found


def pool_document(name: str, **spec: object) -> str:
    head = {"apiVersion": "jethook.io/v1alpha1", "kind": "DispatcherPool", "metadata": {"name": name}}
    return json.dumps({**head, "spec": spec})


async def become(pools: Tenant, child: str, **status: object) -> None:
    """Write a Deployment's status as its controller would."""
    deployment = await pools.get("deployment", child)
    patch = json.dumps({"status": {"observedGeneration": deployment["metadata"]["generation"], **status}})
    await pools.kubectl("patch", "deployment", child, "--subresource=status", "--type=merge", "-p", patch)


async def says(pools: Tenant, pool: str, kind: str, reason: str) -> bool:
    return condition(await pools.get("whpool", pool), kind).get("reason") == reason


async def requests(pools: Tenant) -> Counter[tuple[str, str]]:
    """Count what the API server was asked, by resource and verb."""
    counted: Counter[tuple[str, str]] = Counter()
    text = await pools.kubectl("get", "--raw", "/metrics")
    for resource, _, verb, count in REQUESTS.findall(text):
        counted[resource, verb] += int(count)
    return counted


async def writes(pools: Tenant) -> int:
    counted = await requests(pools)
    return sum(count for (resource, verb), count in counted.items() if resource in OWNED and verb in WRITES)


async def test_a_pool_goes_from_progressing_to_ready_and_says_what_is_wrong(
    settings: OperatorSettings, pools: Tenant
) -> None:
    name = f"eu-{secrets.token_hex(3)}"
    child = f"jethook-dispatcher-{name}"
    async with running(settings):
        await pools.apply(pool_document(name, minReplicas=2))
        await eventually(lambda: says(pools, name, "Reconciling", "Progressing"), seconds=SECONDS)
        await become(pools, child, replicas=2, updatedReplicas=2, readyReplicas=2)
        await eventually(lambda: pools.is_ready("whpool", name), seconds=SECONDS)
        found = await pools.get("whpool", name)
        assert condition(found, "Reconciling") == {}
        assert found["status"]["replicas"] == found["status"]["readyReplicas"] == 2
        assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{child}-a",
                "labels": {"app.kubernetes.io/name": "jethook-dispatcher", "app.kubernetes.io/instance": name},
            },
            "spec": {"containers": [{"name": "dispatcher", "image": "example.com/none"}]},
        }
        await pools.kubectl("create", "serviceaccount", "default", check=False)
        await pools.apply(json.dumps(pod))
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
        containers = [
            {"name": "dispatcher", "image": "a", "imageID": "", "ready": False, "restartCount": 0, "state": waiting}
        ]
        patch = json.dumps({"status": {"containerStatuses": containers}})
        await pools.kubectl("patch", "pod", f"{child}-a", "--subresource=status", "--type=merge", "-p", patch)
        await become(pools, child, replicas=3, updatedReplicas=1, readyReplicas=2)
        await eventually(lambda: says(pools, name, "Ready", "ImagePullBackOff"), seconds=SECONDS)
        quota = {
            "type": "ReplicaFailure",
            "status": "True",
            "reason": "FailedCreate",
            "message": "exceeded quota: small",
        }
        await become(pools, child, conditions=[quota])
        await eventually(lambda: says(pools, name, "Ready", "QuotaExceeded"), seconds=SECONDS)


async def test_a_full_look_at_a_pool_at_rest_writes_nothing(
    own_kube: ApiServer, nats_server: NatsServer, tmp_path: Path
) -> None:
    pools, child = Tenant(own_kube, SYSTEM), "jethook-dispatcher-default"

    async def looks() -> int:
        return (await requests(pools))["poddisruptionbudgets", "GET"]

    async with running(settings_for(own_kube, nats_server, tmp_path, plan_keys_dir=None, dispatchers=DISPATCHERS)):
        await eventually(lambda: says(pools, "default", "Reconciling", "Progressing"), seconds=SECONDS)
        await become(pools, child, replicas=1, updatedReplicas=1, readyReplicas=1)
        await eventually(lambda: pools.is_ready("whpool", "default"), seconds=SECONDS)
        before = await writes(pools)
        for number in range(3):
            seen = await looks()
            await pools.kubectl("annotate", "deployment", child, f"look={number}", "--overwrite")

            async def looked(seen: int = seen) -> bool:
                return await looks() > seen

            await eventually(looked, seconds=SECONDS)
    assert await writes(pools) - before == 3  # the test's own


async def test_an_endpoint_uses_only_a_pool_that_is_open_to_it(
    settings: OperatorSettings, pools: Tenant, tenant: Tenant, view: NatsView
) -> None:
    name = f"own-{secrets.token_hex(3)}"
    key = f"{tenant.namespace}.orders.all"

    async def reason(kind: str, obj: str, found: str) -> bool:
        return condition(await tenant.get(kind, obj), "Stalled").get("reason") == found

    async with running(settings):
        await pools.apply(pool_document(name, allowedNamespaces=["other"]))
        chosen = ENDPOINT.replace("spec:", f"spec:\n  poolRef: {{name: {name}}}", 1)
        await tenant.apply(f"{SECRET}---\n{chosen}---\n{SUBSCRIPTION}")
        await eventually(lambda: reason("whe", "orders", "PoolNotAllowed"), seconds=SECONDS)
        await eventually(lambda: reason("whsub", "all", "PoolNotAllowed"), seconds=SECONDS)
        part = (await view.plan())[key]
        assert (part["state"], part["reason"], part.get("sealed", "")) == ("Withheld", "PoolNotAllowed", "")
        assert key not in await view.plan(name)
        await pools.apply(pool_document(name, allowedNamespaces=["other", tenant.namespace]))
        await eventually(tenant.all_ready, seconds=SECONDS)
        assert (await view.plan(name))[key]["state"] == "Active"
        assert key not in await view.plan()
        await pools.apply(pool_document(name, allowedNamespaces=["other"]))
        await eventually(lambda: reason("whe", "orders", "PoolNotAllowed"), seconds=SECONDS)
        await eventually(lambda: reason("whsub", "all", "PoolNotAllowed"), seconds=SECONDS)
        assert key not in await view.plan(name)


async def test_each_pool_seals_with_its_own_key_and_a_restart_changes_nothing(
    settings: OperatorSettings, pools: Tenant, tenant: Tenant, view: NatsView
) -> None:
    names = [f"{which}-{secrets.token_hex(3)}" for which in ("a", "b")]
    keys = {}
    async with running(settings):
        await tenant.apply(SECRET)
        for name in names:
            await pools.apply(pool_document(name))
            chosen = ENDPOINT.replace("spec:", f"spec:\n  poolRef: {{name: {name}}}", 1).replace("orders", name)
            await tenant.apply(
                f"{chosen}---\n{SUBSCRIPTION.replace('orders', name).replace('name: all', f'name: {name}')}"
            )
        for name in names:
            await eventually(lambda of=name: tenant.is_ready("whsub", of), seconds=SECONDS)
            keys[name] = (await pools.get("secret", f"jethook-plan-key-{name}"))["data"]["plan-key"]
    assert len(set(keys.values())) == len(names)
    before = [await view.plan(name) for name in names]
    assert all(part.get("sealed") for plan in before for key, part in plan.items() if key != "pool")
    async with running(settings):
        await tenant.apply(ENDPOINT.replace("orders", "marker"))
        await eventually(lambda: tenant.is_ready("whe", "marker"), seconds=SECONDS)
    assert [await view.plan(name) for name in names] == before
