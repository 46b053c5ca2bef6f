"""Resolve names for deliveries: asynchronously by c-ares, cached, one look-up a name at a time.

A name whose servers hang holds up nobody but those who ask for it: no thread pool and no shared queue is involved.
c-ares reads the hosts file and the search list as the system's resolver does.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiodns
from aiohttp.abc import AbstractResolver, ResolveResult

LOOKUP_TIMEOUT_SECONDS = 5.0
MIN_TTL_SECONDS = 5
MAX_TTL_SECONDS = 60
MAX_CACHED_NAMES = 10_000
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


@dataclass(frozen=True, slots=True)
class Resolved:
    """The addresses of a name, best first, as (family, text), and how long they hold."""

    addresses: tuple[tuple[int, str], ...]
    ttl_seconds: int


LookUp = Callable[[str], Awaitable[Resolved]]


class CachingResolver(AbstractResolver):
    """Resolve through `look_up` (by default c-ares), remember answers for 5 to 60 s, share look-ups under way.

    A failure is not remembered. Raises OSError, as aiohttp expects of a resolver; also when a look-up takes longer
    than `timeout_seconds`.
    """

    def __init__(
        self,
        look_up: LookUp | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        timeout_seconds: float = LOOKUP_TIMEOUT_SECONDS,
    ) -> None:
        self._ares = AresLookUp() if look_up is None else None
        self._look_up: LookUp = look_up or self._ares  # type: ignore[assignment]
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._cache: OrderedDict[str, tuple[float, Resolved]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Resolved]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give the addresses of `host` as aiohttp wants them."""
        resolved = await self._resolved(host)
        if not resolved.addresses:
            raise OSError(None, "the name has no address")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=_NUMERIC)
            for kind, address in resolved.addresses
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        """Abandon look-ups under way."""
        for task in tuple(self._under_way.values()):
            task.cancel()
        if self._ares is not None:
            await self._ares.close()

    async def _resolved(self, host: str) -> Resolved:
        cached = self._cache.get(host)
        if cached is not None and cached[0] > self._clock():
            return cached[1]
        task = self._under_way.get(host)
        if task is None:
            task = asyncio.create_task(self._fresh(host), name=f"resolve {host}")
            self._under_way[host] = task
            task.add_done_callback(lambda done: self._finish(host, task=done))
        # The look-up outlives an attempt that is cancelled: others wait for it too.
        return await asyncio.shield(task)

    async def _fresh(self, host: str) -> Resolved:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._look_up(host)
        except TimeoutError as exc:
            raise OSError(None, "the name was not resolved in time") from exc

    def _finish(self, host: str, *, task: asyncio.Task[Resolved]) -> None:
        self._under_way.pop(host, None)
        if task.cancelled() or task.exception() is not None:
            return
        resolved = task.result()
        ttl_seconds = min(max(resolved.ttl_seconds, MIN_TTL_SECONDS), MAX_TTL_SECONDS)
        self._cache[host] = (self._clock() + ttl_seconds, resolved)
        self._cache.move_to_end(host)
        while len(self._cache) > MAX_CACHED_NAMES:
            self._cache.popitem(last=False)


class AresLookUp:
    """Look names up with c-ares, made inside a running loop."""

    def __init__(self) -> None:
        self._resolver = aiodns.DNSResolver(timeout=2.0, tries=2)

    async def __call__(self, host: str) -> Resolved:
        """Look one name up, or raise OSError."""
        try:
            answer = await self._resolver.getaddrinfo(host, type=socket.SOCK_STREAM, family=socket.AF_UNSPEC)
        except aiodns.error.DNSError as exc:
            raise OSError(None, "the name cannot be resolved") from exc
        nodes = answer.nodes
        return Resolved(
            addresses=tuple((node.family, _text(node.addr[0])) for node in nodes),
            ttl_seconds=min((node.ttl for node in nodes), default=0),
        )

    async def close(self) -> None:
        """Free c-ares' channel."""
        await self._resolver.close()


def _text(address: bytes | str) -> str:
    return address.decode("ascii") if isinstance(address, bytes) else address
