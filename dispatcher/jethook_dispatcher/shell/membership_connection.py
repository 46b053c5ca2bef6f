"""A connection of its own for leases and claims.

NATS sends and answers what goes over one connection in order. When thousands of endpoints fail at once, seconds of
pulls, answers and records lie before a renewal of the lease, and a lease that is written too late costs all shards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from nats.aio.client import Client

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, Hook, connect_patiently
from jethook_contract.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Link:
    """A connection, and who is told about it."""

    client: Client
    hooks: ConnectionHooks


async def open_member_link(
    settings: ConnectionSettings, *, closed: Hook, stop: asyncio.Event, waiting: Callable[[Unavailable], None]
) -> Link | None:
    """Connect as the process does for its work, under a name that tells the two apart; None once `stop` is set.

    `closed` hears when NATS closes it for good, `waiting` of each failure to connect.
    """
    hooks = ConnectionHooks(closed=[closed])
    named = replace(settings, name=f"{settings.name}-membership")
    client = await connect_patiently(named, hooks=hooks, stop=stop, waiting=waiting)
    return None if client is None else Link(client, hooks)
