"""A receiver in the benchmark's own process, which answers every request with the status that it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from bench.reader import RequestReader


@dataclass(slots=True)
class Answering:
    """The receiver; `status` may be changed at any moment, `requests` counts what came."""

    url: str = ""
    status: int = 200
    requests: int = 0


class _Connection(asyncio.Protocol):
    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._reader = RequestReader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        for _ in self._reader.feed(data):
            self._answering.requests += 1
            if self._transport is not None:
                self._transport.write(b"HTTP/1.1 %d \r\nContent-Length: 0\r\n\r\n" % self._answering.status)


@asynccontextmanager
async def answering() -> AsyncIterator[Answering]:
    """Listen on a free port of 127.0.0.1 until the block ends."""
    made = Answering()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(made), "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield made
    finally:
        server.close()
