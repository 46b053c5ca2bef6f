"""An operator's reconciler and scaling loop in this process, and dispatchers in their own, on a real nats-server."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from tests.dispatcher.lanes.processes import Process
from tests.fixtures.nats import NatsServer
from tests.operator.scaling.scaled_pool import ScaledPool


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    connected = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    yield connected
    await connected.close()


@pytest.fixture
async def pool(client: Client, tmp_path: Path) -> AsyncIterator[ScaledPool]:
    made = ScaledPool(client, keys_file=tmp_path / "keys")
    yield made
    await made.close()


@pytest.fixture
def dispatchers(pool: ScaledPool, nats_server: NatsServer, tmp_path: Path) -> Iterator[Callable[[str], Process]]:
    """Give a factory: `dispatchers("a")` starts a process that is member `a`; all are killed after the test."""
    started: list[Process] = []

    def start(member: str) -> Process:
        log = tmp_path / f"{member}.log"
        started.append(Process(nats_server.url, keys_file=pool.keys_file, member=member, log=log))
        return started[-1]

    yield start
    for process in started:
        process.close()
