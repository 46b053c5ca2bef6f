"""How long changes wait when the operator that works is killed, and when it is stopped.

Two operators on a real API server with 200 endpoints; one holds the lease. It is killed (SIGKILL) at another moment of
its renewal each time, and an endpoint is changed at once: the time counts from the kill until the changed object shows
that the other one has seen to it. Then the same with SIGTERM, which releases the lease.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import resident_mebibytes
from bench.processes import process
from bench.results import Result
from hack.kubernetes import ApiServer
from hack.ports import free_port
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.scraping import page, scrape
from tests.operator.shell.running_operator import plan_keys
from tests.operator.shell.tenant import Tenant

KILL_SECONDS = 20.0
STOP_SECONDS = 5.0
_ROUNDS = 5
_ENDPOINTS = 200
_CRDS = Path(__file__).parents[1] / "crds"
_NAMESPACE = "jethook-system"
_BOUND = f"the changed object is Ready within {KILL_SECONDS:.0f} s of a kill -9, {STOP_SECONDS:.0f} s of a SIGTERM"


@dataclass(frozen=True, slots=True)
class Replica:
    """One operator and where it is looked at."""

    child: asyncio.subprocess.Process
    port: int

    async def ready(self) -> bool:
        """Tell whether it is ready, leading or not."""
        return (await page(self.port, "/readyz"))[0] == 200

    async def leads(self) -> bool:
        """Tell whether it leads."""
        if (await page(self.port, "/livez"))[0] != 200:
            return False
        return (await scrape(self.port)).value("jethook_operator_leader") == 1


class Installation:
    """The two operators in one cluster; one that ended is started anew."""

    def __init__(self, cluster: ApiServer, *, nats: NatsServer, folder: Path, stack: AsyncExitStack) -> None:
        self.tenant = Tenant(cluster, "bench")
        self._cluster = cluster
        self._nats = nats
        self._folder = folder
        self._stack = stack

    async def start(self) -> Replica:
        """Start an operator and wait until it is ready."""
        port = free_port()
        command = (
            *("-m", "jethook_cli", "operator", "--install-id", "bench", "--leader-elect"),
            *("--plan-keys", str(plan_keys(self._folder)), "--nats", self._nats.url, "--namespace", _NAMESPACE),
            *("--kubeconfig", str(self._cluster.kubeconfig), "--metrics", f"127.0.0.1:{port}"),
        )
        child = await self._stack.enter_async_context(process(*command, log=self._folder / "operators.log"))
        replica = Replica(child, port)
        await eventually(replica.ready, seconds=60, every_seconds=0.2)
        return replica

    async def observed(self) -> bool:
        """Tell whether the changed endpoint has been seen to."""
        found = await self.tenant.get("whe", "changed")
        return bool(found["status"].get("observedGeneration") == found["metadata"]["generation"])

    async def change(self, *, rate: int) -> None:
        """Change the endpoint, so that its status is out of date."""
        patch = f'{{"spec": {{"limits": {{"requestsPerSecond": {rate}}}}}}}'
        await self.tenant.kubectl("patch", "whe", "changed", "--type=merge", "-p", patch)


async def measure(*, quick: bool) -> Result:
    """Run the scenario; about three minutes."""
    async with _installation() as made:
        await made.tenant.kubectl("create", "namespace", "bench")
        leader = await made.start()
        await eventually(leader.leads, seconds=40, every_seconds=0.1)
        standby = await made.start()
        await made.tenant.apply("---\n".join(_endpoint(f"e{number}") for number in range(_ENDPOINTS)))
        await made.tenant.apply(_endpoint("changed"))
        await eventually(made.observed, seconds=60, every_seconds=0.2)
        standing_by = round(resident_mebibytes(standby.child.pid), 1)
        killed, stopped = [], []
        for number in range(1 if quick else _ROUNDS):
            await asyncio.sleep(3 + 0.45 * number)  # another moment of the two seconds between renewals
            killed.append(await _gone(made, leader, successor=standby, rate=2 * number + 10, how="kill"))
            leader, standby = standby, await made.start()
            stopped.append(await _gone(made, leader, successor=standby, rate=2 * number + 11, how="terminate"))
            leader, standby = standby, await made.start()
    figures: dict[str, object] = {
        "endpoints": _ENDPOINTS + 1,
        "killed_seconds": killed,
        "killed_worst_seconds": max(killed),
        "stopped_seconds": stopped,
        "stopped_worst_seconds": max(stopped),
        "standby_rss_mb": standing_by,
    }
    return Result(ok=max(killed) < KILL_SECONDS and max(stopped) < STOP_SECONDS, bound=_BOUND, figures=figures)


async def _gone(made: Installation, leader: Replica, *, successor: Replica, rate: int, how: str) -> float:
    """End the leader and change an endpoint; give the seconds until the successor has seen to it."""
    began = time.monotonic()
    getattr(leader.child, how)()
    await made.change(rate=rate)
    await eventually(made.observed, seconds=60, every_seconds=0.1)
    passed = round(time.monotonic() - began, 2)
    await leader.child.wait()
    if not await successor.leads():
        raise RuntimeError("the change was seen to, and not by the one that stood by")
    return passed


def _endpoint(name: str) -> str:
    return (
        "apiVersion: jethook.io/v1alpha1\nkind: WebhookEndpoint\n"
        f"metadata: {{name: {name}}}\nspec: {{url: https://hooks.example.com/{name}}}\n"
    )


@asynccontextmanager
async def _installation() -> AsyncIterator[Installation]:
    with tempfile.TemporaryDirectory(prefix="jethook-bench-") as name:
        folder = Path(name)
        cluster, nats = ApiServer(folder / "kube"), NatsServer(folder / "nats")
        try:
            await asyncio.to_thread(_start, cluster, nats)
            async with AsyncExitStack() as stack:
                yield Installation(cluster, nats=nats, folder=folder, stack=stack)
        finally:
            nats.close()
            cluster.close()


def _start(cluster: ApiServer, nats: NatsServer) -> None:
    nats.start()
    cluster.start()
    cluster.install_crds(_CRDS)
    cluster.kubectl("create", "namespace", _NAMESPACE)
