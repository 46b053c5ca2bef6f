"""Namespaces as tenants, with a whole operator on a real API server and a real nats-server."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from hack.kubernetes import ApiServer
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.names import METADATA_NAMESPACE_UID, events_stream, retired_stream
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.shell.documents import ALL, ENDPOINT, SECRET, SUBSCRIPTION
from tests.operator.shell.running_operator import condition, running
from tests.operator.shell.tenant import Tenant, settings_for

pytestmark = pytest.mark.api

SECONDS = 30.0
MEBIBYTE = 1024 * 1024


@pytest.fixture
def tenant(kube: ApiServer, kube_namespace: str) -> Tenant:
    return Tenant(kube, kube_namespace)


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    connected = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    yield connected
    await connected.close()


async def _uid(tenant: Tenant) -> str:
    namespace = json.loads(await tenant.kubectl("get", "namespace", tenant.namespace, "-o", "json"))
    return str(namespace["metadata"]["uid"])


async def _recreate(tenant: Tenant) -> None:
    """Delete the namespace with all in it and make it again; the namespace controller's part is done by hand."""
    await tenant.kubectl("delete", "whe,whsub,secret", "--all")
    await tenant.kubectl("delete", "namespace", tenant.namespace, "--wait=false")
    namespace = json.loads(await tenant.kubectl("get", "namespace", tenant.namespace, "-o", "json"))
    namespace["spec"]["finalizers"] = []
    path = f"/api/v1/namespaces/{tenant.namespace}/finalize"
    await tenant.kubectl("replace", "--raw", path, "-f", "-", stdin=json.dumps(namespace))
    await tenant.kubectl("create", "namespace", tenant.namespace)


async def test_a_namespace_that_is_made_again_begins_with_nothing_of_the_old_one(
    kube: ApiServer, nats_server: NatsServer, client: Client, tenant: Tenant, tmp_path: Path
) -> None:
    js, stream = client.jetstream(), events_stream(tenant.namespace)
    async with running(settings_for(kube, nats_server, tmp_path)):
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        first = await _uid(tenant)
        for _ in range(5):
            await js.publish(f"jethook.events.{tenant.namespace}.com.example.old", b"{}")
        await _recreate(tenant)
        assert await _uid(tenant) != first
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
    info = await js.stream_info(stream)
    assert (info.config.metadata or {})[METADATA_NAMESPACE_UID] == await _uid(tenant)
    assert info.state.messages == 0
    assert (await js.consumer_info(stream, "sub_all")).num_pending == 0
    assert (await js.stream_info(retired_stream(tenant.namespace, first))).state.messages == 5


async def test_the_platforms_word_on_a_namespace_sets_the_room_of_its_events(
    kube: ApiServer, nats_server: NatsServer, client: Client, tenant: Tenant, tmp_path: Path
) -> None:

    async def annotate(room: str) -> None:
        words = ("namespace", tenant.namespace, f"jethook.io/events-max-bytes={room}", "--overwrite")
        await tenant.kubectl("annotate", *words)

    async def room() -> int:
        try:
            return (await client.jetstream().stream_info(events_stream(tenant.namespace))).config.max_bytes or 0
        except NotFoundError:
            return 0

    await annotate("2Mi")
    async with running(settings_for(kube, nats_server, tmp_path, resync_seconds=1.0)):
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=SECONDS)
        assert await room() == 2 * MEBIBYTE
        await annotate("3Mi")

        async def grown() -> bool:
            return await room() == 3 * MEBIBYTE

        await eventually(grown, seconds=SECONDS)
        await annotate("lots")

        async def told() -> bool:
            return condition(await tenant.get("whsub", "all"), "Stalled").get("reason") == "BadQuota"

        await eventually(told, seconds=SECONDS)
        assert await room() == 3 * MEBIBYTE
        await annotate("1Mi")
        await eventually(tenant.all_ready, seconds=SECONDS)
        assert await room() == MEBIBYTE


async def test_another_tenants_secret_endpoint_and_pool_are_out_of_reach(
    kube: ApiServer, nats_server: NatsServer, tenant: Tenant, tmp_path: Path
) -> None:
    other = Tenant(kube, kube.new_namespace())
    async with running(settings_for(kube, nats_server, tmp_path)):
        await other.apply(f"{ENDPOINT.replace('orders', 'theirs')}---\n{SECRET}")
        await eventually(lambda: other.is_ready("whe", "theirs"), seconds=SECONDS)
        own_pool = {"apiVersion": "jethook.io/v1alpha1", "kind": "DispatcherPool", "metadata": {"name": "own"}}
        await tenant.apply(json.dumps(own_pool | {"spec": {"egress": {"allowedCIDRs": ["10.0.0.0/8"]}}}))
        await tenant.apply(f"{ENDPOINT}---\n{SUBSCRIPTION.replace('orders', 'theirs')}")
        await tenant.apply(ENDPOINT.replace("orders", "pooled").replace("spec:", "spec:\n  poolRef: {name: own}"))

        async def reason(kind: str, name: str) -> str:
            return str(condition(await tenant.get(kind, name), "Ready").get("reason"))

        async def all_told() -> bool:
            told = [await reason("whe", "orders"), await reason("whsub", "all"), await reason("whe", "pooled")]
            return told == ["SecretNotFound", "EndpointNotFound", "PoolNotFound"]

        await eventually(all_told, seconds=SECONDS)
