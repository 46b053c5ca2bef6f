"""The egress rules of this moment: the pool's, and what no pool can open."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable

import structlog
from nats.aio.client import Client

from jethook_contract.plan import PoolPlan
from jethook_dispatcher.core.egress import EgressPolicy

DEFAULT_NATS_PORT = 4222

_log = structlog.get_logger(__name__)

Place = tuple[str, int]


class Egress:
    """Hold the rules; until the pool's are known nothing private is open."""

    def __init__(self) -> None:
        self._pool = PoolPlan(pool="")
        self._protected: frozenset[Place] = frozenset()
        self.policy = EgressPolicy.of_pool(self._pool)

    def set_pool(self, plan: PoolPlan) -> None:
        """Obey the pool's rules from now on; raises Invalid `BadCIDR` and keeps the old ones."""
        self.policy = EgressPolicy.of_pool(plan, always_denied=self._protected)
        self._pool = plan

    def protect(self, addresses: Iterable[Place]) -> None:
        """Deny these IP addresses and ports too, whatever the pool says."""
        self._protected |= frozenset(addresses)
        self.policy = EgressPolicy.of_pool(self._pool, always_denied=self._protected)


async def addresses_of(places: Iterable[Place]) -> set[Place]:
    """Resolve hosts to IP addresses; one that cannot be resolved is logged and left out."""
    found: set[Place] = set()
    for host, port in places:
        try:
            answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as exc:
            _log.warning("protected host not resolved", host=host, error=type(exc).__name__)
            continue
        found |= {(str(answer[4][0]).partition("%")[0], port) for answer in answers}
    return found


def nats_places(client: Client) -> set[Place]:
    """List host and port of every NATS server that the client knows of."""
    urls = [*client.servers, *client.discovered_servers]
    return {(url.hostname, url.port or DEFAULT_NATS_PORT) for url in urls if url.hostname}
