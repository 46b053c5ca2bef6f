"""A pool's children on a real API server: made, left alone, put right, removed."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.kubernetes import ApiServer
from jethook_contract.errors import Invalid, Unavailable, Waiting
from jethook_contract.sealing import KeyRing
from jethook_operator.shell.kube_child_watch import ChildWatch
from tests.fixtures.poll import eventually
from tests.operator.shell.pool_world import CHILDREN, PoolWorld, pool_world
from tests.operator.shell.tenant import SYSTEM

FULL = Path(__file__).parents[2] / "crds" / "valid" / "dispatcherpool-full.yaml"
AMOUNTS = {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"cpu": "1.500", "memory": "2048Mi"}}


@pytest.fixture
async def world(kube: ApiServer) -> AsyncIterator[PoolWorld]:
    async with pool_world(kube) as found:
        yield found


async def test_a_pool_gets_its_children_and_the_second_look_writes_nothing(world: PoolWorld) -> None:
    pool = await world.apply(resources=AMOUNTS, minReplicas=2)
    report = await world.bring_in_line()
    assert report.workload.wanted == 2
    for kind in CHILDREN:
        child = await world.get(kind)
        assert child["metadata"]["ownerReferences"][0]["uid"] == pool.metadata.uid
        assert child["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "jethook-operator"
    before = world.writes()
    await world.bring_in_line()
    assert world.writes() == before


async def test_a_pool_with_every_field_is_taken_by_the_api_server_and_settles(world: PoolWorld) -> None:
    spec = yaml.safe_load(FULL.read_text())["spec"] | {"allowedNamespaces": ["*"]}
    await world.kubectl("create", "secret", "generic", f"{world.name}-nats", "--from-literal=user.creds=a")
    await world.apply(**spec | {"natsCredentialsRef": {"name": f"{world.name}-nats"}})
    await world.bring_in_line()
    before = world.writes()
    world.owner.objects.forget()
    await world.bring_in_line()
    assert world.writes() == before


async def test_another_process_finds_all_in_place_and_writes_nothing(kube: ApiServer, world: PoolWorld) -> None:
    await world.apply(resources=AMOUNTS)
    await world.bring_in_line()
    async with pool_world(kube) as other:
        other.name, other.child = world.name, world.child
        await other.bring_in_line()
        assert other.writes() == 0


async def test_drift_is_put_right_and_what_others_own_stays(world: PoolWorld) -> None:
    await world.apply()
    await world.bring_in_line()
    stranger = {
        "spec": {
            "replicas": 7,
            "template": {"spec": {"containers": [{"name": "dispatcher", "image": "example.com/other"}]}},
        },
        "metadata": {"annotations": {"example.com/note": "mine"}},
    }
    await world.kubectl("patch", "deployment", world.child, "-p", json.dumps(stranger))
    await world.kubectl("delete", "poddisruptionbudget", world.child)
    report = await world.bring_in_line()
    deployment = await world.get("deployment")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"].endswith("jethook-dispatcher:1")
    assert deployment["metadata"]["annotations"]["example.com/note"] == "mine"
    assert deployment["spec"]["replicas"] == report.workload.wanted == 3  # at most maxReplicas, what runs being more
    assert await world.get("poddisruptionbudget")


async def test_fields_that_another_manager_took_by_server_side_apply_come_back(world: PoolWorld) -> None:
    await world.apply()
    await world.bring_in_line()
    theirs = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": world.child}}
    body = json.dumps({**theirs, "spec": {"maxUnavailable": 3}})
    forced = ("apply", "--server-side", "--force-conflicts", "--field-manager=stranger", "-f", "-")
    await world.kubectl(*forced, stdin=body)
    await world.bring_in_line()
    assert (await world.get("poddisruptionbudget"))["spec"]["maxUnavailable"] == 1
    before = world.writes()
    await world.bring_in_line()
    assert world.writes() == before


async def test_what_another_manager_adds_to_a_list_is_no_reason_to_write_for_ever(world: PoolWorld) -> None:
    await world.apply()
    await world.bring_in_line()
    added = {"spec": {"template": {"spec": {"containers": [{"name": "sidecar", "image": "example.com/sidecar"}]}}}}
    await world.kubectl("patch", "deployment", world.child, "-p", json.dumps(added))
    await world.bring_in_line()
    before = world.writes()
    await world.bring_in_line()
    assert world.writes() == before


async def test_a_look_between_full_ones_reads_the_deployment_alone(world: PoolWorld) -> None:
    await world.apply()
    await world.bring_in_line()
    before = world.api.requests["get", "2xx"]
    await world.owner.bring_in_line(await world.read())
    assert world.api.requests["get", "2xx"] == before + 1


async def test_scale_writes_the_pool_and_the_deployment_follows(world: PoolWorld) -> None:
    await world.apply(scaling={"mode": "External"})
    assert (await world.bring_in_line()).workload.wanted == 1
    await world.kubectl("scale", "dispatcherpool", world.name, "--replicas=5")
    assert (await world.bring_in_line()).workload.wanted == 5
    assert (await world.get("deployment"))["spec"]["replicas"] == 5
    assert (await world.get("dispatcherpool", world.name))["spec"]["replicas"] == 5
    await world.kubectl("scale", "dispatcherpool", world.name, "--replicas=0")
    assert (await world.bring_in_line()).workload.wanted == 0


async def test_scale_of_a_pool_that_scales_itself_is_refused_with_the_cure(world: PoolWorld) -> None:
    await world.apply()
    with pytest.raises(RuntimeError, match=r"scaling\.mode External"):
        await world.kubectl("scale", "dispatcherpool", world.name, "--replicas=5")


async def test_the_plan_key_is_made_once_and_never_overwritten(world: PoolWorld) -> None:
    pool = await world.apply()
    with pytest.raises(Unavailable, match="PlanKeyNotRead"):
        world.keys.ring(world.name)
    await world.bring_in_line()
    made = await world.get("secret", f"jethook-plan-key-{world.name}")
    assert made["metadata"]["ownerReferences"][0]["uid"] == pool.metadata.uid
    first = world.keys.ring(world.name)
    rotated = base64.b64encode(KeyRing.generate().get_secret_value().encode()).decode()
    patch = json.dumps({"data": {"plan-key": rotated}})
    await world.kubectl("patch", "secret", f"jethook-plan-key-{world.name}", "-p", patch)
    world.changed.clear()
    await world.bring_in_line()
    assert (await world.get("secret", f"jethook-plan-key-{world.name}"))["data"]["plan-key"] == rotated
    assert world.keys.ring(world.name) is not first
    assert [key.name for key in world.changed] == [world.name]


async def test_a_plan_key_that_is_none_is_the_authors_to_change(world: PoolWorld) -> None:
    await world.apply()
    literal = "--from-literal=plan-key=not-a-key"
    await world.kubectl("create", "secret", "generic", f"jethook-plan-key-{world.name}", literal)
    with pytest.raises(Invalid, match="BadPlanKey") as caught:
        await world.bring_in_line()
    assert "not-a-key" not in str(caught.value)


async def test_a_missing_nats_user_is_named_and_found_when_it_comes(world: PoolWorld) -> None:
    await world.apply(natsCredentialsRef={"name": f"{world.name}-nats"})
    with pytest.raises(Waiting, match=f"Secret {world.name}-nats"):
        await world.bring_in_line()
    await world.kubectl("create", "secret", "generic", f"{world.name}-nats", "--from-literal=user.creds=a")
    await world.bring_in_line()
    mounted = (await world.get("deployment"))["spec"]["template"]["spec"]["volumes"]
    assert {"name": "nats", "secret": {"secretName": f"{world.name}-nats", "defaultMode": 0o444}} in mounted


async def test_a_document_that_the_server_refuses_is_told_in_its_words(world: PoolWorld) -> None:
    await world.apply(resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}})
    with pytest.raises(Unavailable, match=r"ChildRefused: Deployment .*must be less than or equal to memory limit"):
        await world.bring_in_line()


async def test_the_watch_tells_of_a_deployment_that_is_changed_or_removed(world: PoolWorld) -> None:
    await world.apply()
    await world.bring_in_line()
    told: list[str] = []
    watch = asyncio.create_task(ChildWatch(world.api, namespace=SYSTEM, changed=told.append).run())
    try:
        await eventually(lambda: told.count(world.name) == 1, seconds=10)
        await world.kubectl("annotate", "deployment", world.child, "a=b")
        await eventually(lambda: told.count(world.name) == 2, seconds=10)
        await world.kubectl("delete", "deployment", world.child)
        await eventually(lambda: told.count(world.name) == 3, seconds=10)
    finally:
        watch.cancel()
        await asyncio.wait({watch})


async def subjects(world: PoolWorld, kind: str, namespace: str = SYSTEM) -> Any:
    found = await world.get(kind, namespace=namespace)
    return found and [(one["name"], one["namespace"]) for one in found["subjects"]]


async def test_bindings_follow_the_allowed_namespaces(world: PoolWorld, kube: ApiServer) -> None:
    ours = [(world.child, SYSTEM)]
    await world.apply()
    await world.bring_in_line()
    assert await subjects(world, "clusterrolebinding") == ours
    one, other = kube.new_namespace(), kube.new_namespace()
    await world.apply(allowedNamespaces=[one, other, "not-there"])
    await world.bring_in_line()
    assert await subjects(world, "clusterrolebinding") is None
    assert await subjects(world, "rolebinding", one) == ours
    assert await subjects(world, "rolebinding", other) == ours
    await world.apply(allowedNamespaces=[other])
    await world.bring_in_line()
    assert await subjects(world, "rolebinding", one) is None
    before = world.writes()
    await world.bring_in_line()
    assert world.writes() == before


async def test_the_bindings_of_a_pool_that_went_while_nobody_looked_are_removed(world: PoolWorld) -> None:
    await world.apply()
    await world.bring_in_line()
    assert world.name not in await world.owner.leftovers()
    await world.kubectl("delete", "dispatcherpool", world.name)
    for key in world.store.keys("DispatcherPool"):
        world.store.remove(key)
    assert world.name in await world.owner.leftovers()
    await world.owner.remove(world.name)
    assert await subjects(world, "clusterrolebinding") is None
