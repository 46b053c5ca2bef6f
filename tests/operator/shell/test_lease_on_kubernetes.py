"""The Lease in a real API server: its form, its versions, what others wrote on it, and clocks that differ."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hack.kubernetes import ApiServer
from jethook_contract.errors import Unavailable
from jethook_operator.core.election import Candidate, ElectionSettings, Lease, Write
from jethook_operator.shell.kube import KubeApi, load_configuration
from jethook_operator.shell.leadership import LeaseLeadership
from jethook_operator.shell.lease_store import LEASE_NAME, LeaseStore
from tests.fixtures.poll import eventually
from tests.operator.shell.tenant import MANIFESTS, SYSTEM

NOON = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)
MINE = Lease(holder="a", duration_seconds=15, acquired=NOON, renewed=NOON, transitions=0)
FAST = ElectionSettings(lease_seconds=3.0, renew_deadline_seconds=2.0, retry_seconds=0.4)


@pytest.fixture
def kubeconfig(kube: ApiServer) -> Path:
    kube.kubectl("apply", "-f", str(MANIFESTS))
    kube.kubectl("delete", "lease", LEASE_NAME, "-n", SYSTEM, "--ignore-not-found")
    return kube.kubeconfig_for("jethook-operator", namespace=SYSTEM)


@pytest.fixture
async def api(kubeconfig: Path) -> AsyncIterator[KubeApi]:
    api = KubeApi(await load_configuration(kubeconfig=kubeconfig, context=None))
    yield api
    await api.close()


def shown(kube: ApiServer) -> Any:
    return json.loads(kube.kubectl("get", "lease", LEASE_NAME, "-n", SYSTEM, "-o", "json").stdout)


async def test_a_lease_is_written_as_client_go_writes_it_and_read_back(kube: ApiServer, api: KubeApi) -> None:
    store = LeaseStore(api, namespace=SYSTEM)
    assert await store.read() == (None, "")
    version = await store.write(Write(MINE, ""))
    assert await store.read() == (MINE, version)
    assert shown(kube)["spec"] == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-11-24T12:00:00.250000Z",
        "renewTime": "2026-11-24T12:00:00.250000Z",
        "leaseTransitions": 0,
    }


async def test_a_write_over_another_version_is_a_conflict(api: KubeApi) -> None:
    store, other = LeaseStore(api, namespace=SYSTEM), LeaseStore(api, namespace=SYSTEM)
    version = await store.write(Write(MINE, ""))
    with pytest.raises(Unavailable, match="Conflict"):
        await other.write(Write(MINE, ""))
    await store.write(Write(replace(MINE, transitions=1), version))
    with pytest.raises(Unavailable, match="Conflict"):
        await other.write(Write(replace(MINE, holder="b"), version))


async def test_what_others_wrote_on_a_lease_stays_and_a_free_one_has_no_holder(kube: ApiServer, api: KubeApi) -> None:
    store = LeaseStore(api, namespace=SYSTEM)
    await store.write(Write(MINE, ""))
    kube.kubectl("label", "lease", LEASE_NAME, "-n", SYSTEM, "team=platform")
    _, version = await store.read()
    version = await store.write(Write(replace(MINE, holder="", duration_seconds=1), version))
    found = shown(kube)
    assert found["metadata"]["labels"] == {"team": "platform"}
    assert "holderIdentity" not in found["spec"]
    assert (await store.read())[0] == replace(MINE, holder="", duration_seconds=1)


async def test_clocks_that_differ_by_a_minute_make_neither_two_leaders_nor_none(api: KubeApi) -> None:
    def candidate(name: str, skew_seconds: float) -> LeaseLeadership:
        return LeaseLeadership(
            LeaseStore(api, namespace=SYSTEM),
            candidate=Candidate(identity=name, settings=FAST),
            today=lambda: datetime.now(UTC) + timedelta(seconds=skew_seconds),
        )

    early, late = candidate("early", -60), candidate("late", 60)
    running = {one: asyncio.create_task(one.run()) for one in (early, late)}
    try:
        for _ in range(2):
            await eventually(lambda: early.leads or late.leads, seconds=10)  # noqa: B023 -- awaited in this turn
            for _ in range(40):
                assert not (early.leads and late.leads)
                await asyncio.sleep(0.1)
            leader, other = (early, late) if early.leads else (late, early)
            assert leader.leads
            running[leader].cancel()  # it dies without a word
            await eventually(lambda: other.leads, seconds=10)  # noqa: B023 -- awaited in this turn
            assert not leader.leads
            early, late = other, candidate(f"next-{len(running)}", -60)
            running[late] = asyncio.create_task(late.run())
    finally:
        for task in running.values():
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*running.values(), return_exceptions=True)
