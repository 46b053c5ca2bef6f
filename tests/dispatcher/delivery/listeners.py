"""A listener on every loopback address that counts connections by the address they came to, and names as told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from jethook_dispatcher.core.egress import EgressPolicy
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.shell.delivery import Deliverer
from jethook_dispatcher.shell.resolver import CachingResolver, Resolved


@dataclass(slots=True)
class Listener:
    """`reached`: connections by local address. `answer`: what each gets before it is closed."""

    port: int
    reached: Counter[str] = field(default_factory=Counter)
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    @property
    def connections(self) -> int:
        return self.reached.total()


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    """Listen on all addresses of this machine, plain HTTP."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.reached[writer.get_extra_info("sockname")[0]] += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"content-length: 2" in head.lower():
                await reader.readexactly(2)
            writer.write(listener.answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "0.0.0.0", 0)  # noqa: S104 -- to see what reaches any of them
    listener = Listener(port=server.sockets[0].getsockname()[1])
    try:
        yield listener
    finally:
        server.close()
        await server.wait_closed()


@dataclass(slots=True)
class Names:
    """Answer look-ups: `answers` by name, `others` for every other name (none: it does not exist)."""

    answers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    asked: Counter[str] = field(default_factory=Counter)
    now: float = 0.0

    async def __call__(self, host: str) -> Resolved:
        self.asked[host] += 1
        addresses = self.answers.get(host, self.others)
        if not addresses:
            raise OSError(None, "no such name")
        families = ((socket.AF_INET6 if ":" in one else socket.AF_INET, one) for one in addresses)
        return Resolved(tuple(families), ttl_seconds=30)


@dataclass(slots=True)
class Routes:
    """The ways out of a dispatcher: a delivery, and what goes through the guarded httpx (a handshake stands for it)."""

    deliverer: Deliverer
    policy: EgressPolicy

    async def deliver(self, url: str, *, timeout_seconds: float = 5.0) -> str:
        """Deliver, and give the reason of the failure; empty for a success."""
        request = OutgoingRequest(url=url, headers=(), body=b"{}", timeout_seconds=timeout_seconds)
        outcome = await self.deliverer.deliver(request, before_write=lambda: True)
        assert isinstance(outcome, Outcome)
        return outcome.reason

    async def shake(self, url: str, *, timeout_seconds: float = 5.0) -> str:
        """Make a handshake, and give the reason why the receiver was not asked; empty when it was."""
        result = await self.deliverer.handshakes.make(url, timeout_seconds=timeout_seconds)
        reason = result.message.partition(":")[0]
        return reason if result.state == "Pending" and reason.isalpha() else ""


@asynccontextmanager
async def routes(policy: EgressPolicy, *, names: Names | None = None) -> AsyncIterator[Routes]:
    """Open both ways out under one policy, with real look-ups unless `names` answers them."""
    resolver = CachingResolver(names, clock=lambda: names.now) if names else None
    made = Routes(Deliverer.open(lambda: made.policy, resolver=resolver), policy)
    try:
        yield made
    finally:
        await made.deliverer.close()
