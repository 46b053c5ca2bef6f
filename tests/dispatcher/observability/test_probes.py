"""When a dispatcher calls itself alive, and when ready."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hack.ports import free_port
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_dispatcher.shell.main import run
from jethook_dispatcher.shell.settings import DispatcherSettings
from tests.dispatcher.lanes.conftest import QUICK
from tests.dispatcher.lanes.world import World
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.scraping import page, scrape

pytestmark = pytest.mark.component

WELL = (200, "ok\n")


@contextlib.asynccontextmanager
async def dispatching(
    nats_server: NatsServer, *, keys_file: Path, port: int, member: str = "one"
) -> AsyncIterator[asyncio.Event]:
    """Run a dispatcher, whatever is there; give what stops it."""
    stop = asyncio.Event()
    settings = DispatcherSettings(
        nats=ConnectionSettings(servers=(nats_server.url,)),
        plan_keys_file=keys_file,
        member=member,
        timings=QUICK,
        metrics=("127.0.0.1", port),
    )
    running = asyncio.create_task(run(settings, stop=stop))
    try:
        yield stop
    finally:
        stop.set()
        await running


@pytest.fixture
async def bare(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[World]:
    """Give a world in which no operator has been yet."""
    client = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    yield World(client, keys_file=tmp_path / "keys")
    await client.close()


async def test_it_is_ready_when_it_knows_its_pool_and_is_a_member_and_not_before(
    bare: World, nats_server: NatsServer, port: int
) -> None:
    async with dispatching(nats_server, keys_file=bare.keys_file, port=port):
        await eventually(lambda: _says(port, "/readyz", (503, "the settings of the pool are not known yet\n")))
        assert await page(port, "/livez") == WELL
        await bare.lay()
        await eventually(lambda: _says(port, "/readyz", WELL))
    assert (await page(port, "/livez"))[0] == 0


async def test_a_name_that_another_holds_keeps_a_process_from_being_ready(
    bare: World, nats_server: NatsServer, port: int
) -> None:
    await bare.lay()
    other = free_port()
    async with dispatching(nats_server, keys_file=bare.keys_file, port=port) as stop:
        await eventually(lambda: _says(port, "/readyz", WELL))
        async with dispatching(nats_server, keys_file=bare.keys_file, port=other):
            await eventually(lambda: _says(other, "/readyz", (503, "not a member of the pool\n")))
            assert (await scrape(other)).value("jethook_dispatcher_member") == 0
            stop.set()
            await eventually(lambda: _says(other, "/readyz", WELL))


async def test_an_outage_of_nats_ends_readiness_and_not_life(bare: World, nats_server: NatsServer, port: int) -> None:
    await bare.lay()
    async with dispatching(nats_server, keys_file=bare.keys_file, port=port):
        await eventually(lambda: _says(port, "/readyz", WELL))
        nats_server.stop()
        await eventually(lambda: _says(port, "/readyz", (503, "not connected to NATS\n")))
        assert await page(port, "/livez") == WELL
        found = await scrape(port)
        assert found.value("jethook_dispatcher_nats_connected") == 0
        await eventually(lambda: _owned(port, 0))
        nats_server.start()
        await eventually(lambda: _says(port, "/readyz", WELL))
        assert (await scrape(port)).value("jethook_dispatcher_nats_reconnects_total") == 1


async def test_it_answers_while_nats_is_not_there_yet(bare: World, nats_server: NatsServer, port: int) -> None:
    await bare.lay()
    nats_server.stop()
    async with dispatching(nats_server, keys_file=bare.keys_file, port=port):
        await eventually(lambda: _says(port, "/livez", WELL))
        assert await page(port, "/readyz") == (503, "not connected to NATS\n")
        assert (await scrape(port)).value("jethook_dispatcher_nats_connected") == 0
        nats_server.start()
        await eventually(lambda: _says(port, "/readyz", WELL))


async def _says(port: int, path: str, answer: tuple[int, str]) -> bool:
    return await page(port, path) == answer


async def _owned(port: int, shards: int) -> bool:
    return (await scrape(port)).value("jethook_dispatcher_shards_owned") == shards
