"""Two operators, of which one works: it is killed, stopped and cut off, and the other takes over in time."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from hack.kubernetes import ApiServer
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.shell.documents import ALL, ENDPOINT
from tests.operator.shell.replicas import holder, replicas
from tests.operator.shell.running_operator import nats_view
from tests.operator.shell.tenant import SYSTEM, Tenant, settings_for

FAILOVER_SECONDS = 20.0
STOP_SECONDS = 5.0
LEASE_OF_ANOTHER = """\
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: jethook-operator}
spec: {holderIdentity: somebody, leaseDurationSeconds: 300}
"""


@pytest.fixture
def tenant(own_kube: ApiServer) -> Tenant:
    return Tenant(own_kube, own_kube.new_namespace())


async def observed(tenant: Tenant) -> bool:
    found: Any = await tenant.get("whe", "orders")
    return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])


async def change(tenant: Tenant, *, rate: int) -> float:
    """Change the endpoint, wait until the operator has said so, and give the seconds that took."""
    began = time.monotonic()
    patch = f'{{"spec": {{"limits": {{"requestsPerSecond": {rate}}}}}}}'
    await tenant.kubectl("patch", "whe", "orders", "--type=merge", "-p", patch)
    await eventually(lambda: observed(tenant), seconds=60, every_seconds=0.1)
    return time.monotonic() - began


async def test_a_killed_leader_is_followed_within_20_seconds_and_a_stopped_one_within_5(
    own_kube: ApiServer, nats_server: NatsServer, tenant: Tenant, tmp_path: Path
) -> None:
    settings = settings_for(own_kube, nats_server, tmp_path)
    async with replicas(settings, folder=tmp_path) as made:
        leader, standby = await made.pair()
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=20)
        before = await tenant.get("whsub", "all")
        assert not await standby.leads()
        leader.process.close()
        assert await change(tenant, rate=7) < FAILOVER_SECONDS
        assert await standby.leads()
        assert await tenant.get("whsub", "all") == before
        third = made.start()
        await eventually(third.ready, seconds=40, every_seconds=0.2)
        assert not await third.leads()
        began = time.monotonic()
        assert standby.process.stop() == 0
        assert "lease_released" in standby.process.log
        await change(tenant, rate=8)
        assert time.monotonic() - began < STOP_SECONDS
        assert await third.leads()
        assert await tenant.get("whsub", "all") == before


async def test_a_standby_writes_nothing_anywhere(
    own_kube: ApiServer, nats_server: NatsServer, tenant: Tenant, tmp_path: Path
) -> None:
    settings = settings_for(own_kube, nats_server, tmp_path)
    system = Tenant(own_kube, SYSTEM)
    await system.apply(LEASE_OF_ANOTHER)
    async with replicas(settings, folder=tmp_path) as made, nats_view(nats_server.url) as view:
        standby = made.start()
        await eventually(standby.ready, seconds=40, every_seconds=0.2)
        await tenant.apply(ALL)
        await asyncio.sleep(4)
        assert not await standby.leads()
        assert (await tenant.get("whe", "orders")).get("status", {}).get("conditions") is None
        assert await system.get("whpool", "default") is None
        assert await view.plan() == {}
        assert await view.consumers(tenant.namespace) == set()
        free = '[{"op": "remove", "path": "/spec/holderIdentity"}]'
        await system.kubectl("patch", "lease", "jethook-operator", "--type=json", "-p", free)
        await eventually(tenant.all_ready, seconds=20)


async def test_a_leader_without_its_api_server_ends_with_1_and_says_why(
    own_kube: ApiServer, nats_server: NatsServer, tmp_path: Path
) -> None:
    async with replicas(settings_for(own_kube, nats_server, tmp_path), folder=tmp_path) as made:
        alone = made.start()
        await eventually(alone.leads, seconds=40, every_seconds=0.2)
        await asyncio.to_thread(own_kube.pause)
        began = time.monotonic()
        try:
            await eventually(lambda: alone.process.exit_code is not None, seconds=30, every_seconds=0.1)
        finally:
            await asyncio.to_thread(own_kube.resume)
        assert time.monotonic() - began < 15
        assert alone.process.exit_code == 1
        assert "the lease is lost: it could not be renewed for 10 s" in alone.process.log
        assert "Traceback" not in alone.process.log


async def test_a_leader_that_stood_still_ends_and_changes_nothing_when_it_goes_on(
    own_kube: ApiServer, nats_server: NatsServer, tenant: Tenant, tmp_path: Path
) -> None:
    async with replicas(settings_for(own_kube, nats_server, tmp_path), folder=tmp_path) as made:
        leader, standby = await made.pair()
        old = holder(own_kube)
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=20)
        os.kill(leader.process.pid, signal.SIGSTOP)
        await eventually(standby.leads, seconds=30, every_seconds=0.2)
        await tenant.apply(ENDPOINT.replace("orders", "after"))
        await eventually(lambda: tenant.is_ready("whe", "after"), seconds=20)
        os.kill(leader.process.pid, signal.SIGCONT)
        await eventually(lambda: leader.process.exit_code is not None, seconds=10)
        assert leader.process.exit_code == 1
        assert holder(own_kube) not in {"", old}
        assert await standby.leads()
