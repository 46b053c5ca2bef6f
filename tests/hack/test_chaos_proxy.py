"""The network that chaos cuts: a proxy that forwards, cuts, goes silent and heals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hack.chaos_proxy import Proxy


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def proxy(echo: int) -> AsyncIterator[tuple[Proxy, int]]:
    made = Proxy(echo)
    yield made, await made.start()
    await made.close()


async def _ask(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"one")
    assert await asyncio.wait_for(reader.read(100), 5) == b"one"
    return reader, writer


async def test_a_cut_ends_connections_and_refuses_new_ones_until_it_is_healed(proxy: tuple[Proxy, int]) -> None:
    cable, port = proxy
    reader, writer = await _ask(port)
    cable.cut()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(_read_to_the_end(reader), 5)
    writer.close()
    with pytest.raises((ConnectionError, AssertionError)):
        await _ask(port)
    cable.heal()
    _, writer = await _ask(port)
    writer.close()


async def test_silence_holds_everything_back_and_loses_nothing(proxy: tuple[Proxy, int]) -> None:
    cable, port = proxy
    reader, writer = await _ask(port)
    cable.silence()
    writer.write(b"two")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(100), 0.3)
    cable.heal()
    assert await asyncio.wait_for(reader.read(100), 5) == b"two"
    writer.close()


async def _read_to_the_end(reader: asyncio.StreamReader) -> None:
    while await reader.read(100):
        pass
    raise ConnectionResetError
