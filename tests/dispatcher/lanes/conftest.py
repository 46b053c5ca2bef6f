"""A namespace laid in a real nats-server, and dispatchers: in this process (quick timings) or in their own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_dispatcher.core.ownership_state import Timings
from jethook_dispatcher.shell.main import run
from jethook_dispatcher.shell.settings import DispatcherSettings
from tests.dispatcher.lanes.processes import Process
from tests.dispatcher.lanes.world import World
from tests.fixtures.nats import NatsServer

QUICK = Timings(renew_seconds=0.2, valid_seconds=2.0, dead_seconds=3.0, settle_seconds=0.1, read_seconds=0.1)


@pytest.fixture
async def world(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[World]:
    client = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    laid = World(client, keys_file=tmp_path / "keys")
    await laid.lay()
    yield laid
    await client.close()


@pytest.fixture
def settings(world: World, nats_server: NatsServer) -> DispatcherSettings:
    """Give the settings of the dispatcher in this process; a test module may give others in its place."""
    return DispatcherSettings(
        nats=ConnectionSettings(servers=(nats_server.url,)),
        plan_keys_file=world.keys_file,
        member="local",
        timings=QUICK,
        backlog_poll_seconds=0.2,
    )


@pytest.fixture
async def local(settings: DispatcherSettings) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Run a dispatcher in this process for the length of the test; call it to drain and get the exit code."""
    stop = asyncio.Event()
    running = asyncio.create_task(run(settings, stop=stop))

    async def drain() -> int:
        stop.set()
        return await running

    yield drain
    stop.set()
    with contextlib.suppress(asyncio.CancelledError):
        await running


@pytest.fixture
def dispatchers(world: World, nats_server: NatsServer, tmp_path: Path) -> Iterator[Callable[[str], Process]]:
    """Give a factory: `dispatchers("a")` starts a process that is member `a`; all are killed after the test."""
    started: list[Process] = []

    def start(member: str) -> Process:
        log = tmp_path / f"{member}.log"
        process = Process(nats_server.url, keys_file=world.keys_file, member=member, log=log)
        started.append(process)
        return process

    yield start
    for process in started:
        process.close()
