"""Several operators as processes of their own, on one API server and one NATS."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from hack.kubernetes import ApiServer
from hack.ports import free_port
from jethook_operator.shell.settings import OperatorSettings
from tests.fixtures.poll import eventually
from tests.fixtures.scraping import page, scrape
from tests.operator.shell.running_operator import OperatorProcess, operator_process
from tests.operator.shell.tenant import SYSTEM


class Replica:
    """One operator."""

    def __init__(self, process: OperatorProcess, *, port: int) -> None:
        self.process = process
        self.port = port

    async def ready(self) -> bool:
        """Tell whether it calls itself ready."""
        return (await page(self.port, "/readyz"))[0] == 200

    async def leads(self) -> bool:
        """Tell what its metric says."""
        return (await page(self.port, "/livez"))[0] == 200 and (await scrape(self.port)).value(
            "jethook_operator_leader"
        ) == 1


class Replicas:
    """Those that were started; each ends with the block."""

    def __init__(self, settings: OperatorSettings, *, folder: Path, stack: ExitStack) -> None:
        self._settings = settings
        self._folder = folder
        self._stack = stack
        self.all: list[Replica] = []

    def start(self) -> Replica:
        """Start one more."""
        given, port = self._settings, free_port()
        folder = self._folder / f"operator-{len(self.all)}"
        folder.mkdir()
        flags = [
            *("--install-id", given.install_id, "--plan-keys", str(given.plan_keys_dir), "--namespace", SYSTEM),
            *("--nats", given.nats.servers[0], "--kubeconfig", str(given.kubeconfig), "--leader-elect"),
            *("--events-max-bytes", str(given.events_max_bytes), "--metrics", f"127.0.0.1:{port}"),
        ]
        self.all.append(Replica(self._stack.enter_context(operator_process(folder, *flags)), port=port))
        return self.all[-1]

    async def pair(self) -> tuple[Replica, Replica]:
        """Start two; give the one that leads, and the one that stands by with a warm store."""
        first = self.start()
        await eventually(first.leads, seconds=40, every_seconds=0.2)
        second = self.start()
        await eventually(second.ready, seconds=40, every_seconds=0.2)
        return first, second


@asynccontextmanager
async def replicas(settings: OperatorSettings, *, folder: Path) -> AsyncIterator[Replicas]:
    """Run operators while the block runs."""
    with ExitStack() as stack:
        yield Replicas(settings, folder=folder, stack=stack)


def holder(server: ApiServer) -> str:
    """Name who holds the lease; empty for nobody."""
    done = server.kubectl("get", "lease", "jethook-operator", "-n", SYSTEM, "-o", "json", check=False)
    return str(json.loads(done.stdout or '{"spec": {}}')["spec"].get("holderIdentity", ""))
