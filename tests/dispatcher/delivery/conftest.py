"""Raw receivers that misbehave as told, and deliverers with an egress policy each."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network

import pytest

from jethook_dispatcher.core.egress import EgressPolicy
from jethook_dispatcher.core.outcome import NotStarted, Outcome
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.shell.delivery import Deliverer

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]

LOOPBACK_OPEN = EgressPolicy(allowed=(ip_network("127.0.0.0/8"), ip_network("::1/128")))


@dataclass(slots=True)
class RawReceiver:
    """Know where the receiver listens and what it got: the head of each request, and the connections made."""

    port: int
    heads: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"


Receive = Callable[..., AbstractAsyncContextManager[RawReceiver]]
Deliver = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def receive() -> Receive:
    return _receive


@asynccontextmanager
async def _receive(answer: Answer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawReceiver]:
    served: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.connections += 1
        served[asyncio.current_task()] = writer
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await reader.readexactly(_content_length(head))
                receiver.heads.append(head)
                await answer(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    receiver = RawReceiver(port=server.sockets[0].getsockname()[1])
    try:
        yield receiver
    finally:
        server.close()
        for writer in served.values():
            writer.transport.abort()
        # With its transport gone each connection's task ends by itself.
        await asyncio.gather(*(task for task in served if task), return_exceptions=True)


@pytest.fixture
async def deliver() -> AsyncIterator[Deliver]:
    """Give a function that makes one attempt at a URL; loopback is open unless another policy is given."""
    rules = [LOOPBACK_OPEN]
    deliverer = Deliverer.open(lambda: rules[0])

    async def run(url: str, *, policy: EgressPolicy = LOOPBACK_OPEN, timeout_seconds: float = 10.0) -> Outcome:
        rules[0] = policy
        request = OutgoingRequest(url=url, headers=(), body=b"{}", timeout_seconds=timeout_seconds)
        outcome = await deliverer.deliver(request, before_write=lambda: True)
        assert not isinstance(outcome, NotStarted)
        return outcome

    yield run
    await deliverer.close()


def _content_length(head: str) -> int:
    lines = (line.partition(":") for line in head.lower().split("\r\n"))
    return next((int(value) for name, _, value in lines if name == "content-length"), 0)
