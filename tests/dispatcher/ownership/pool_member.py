"""A member as a process of its own: logs each unit of work it starts, as `<shard> <seconds>` by the clock of leases.

Run with: NATS URL, member name, path of the log.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TextIO

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_dispatcher.core.ownership_state import LossReason
from jethook_dispatcher.shell.membership import Membership, MembershipSettings, monotonic_seconds
from jethook_dispatcher.shell.membership_connection import Link

POOL = "default"
UNIT_SECONDS = 0.1


async def main(url: str, name: str, log: Path) -> None:
    hooks = ConnectionHooks()
    client = await connect(ConnectionSettings(servers=(url,)), hooks=hooks)
    membership = Membership(
        [Link(client, hooks)],
        settings=MembershipSettings(member=name, pool=POOL),
        on_gain=lambda _shard: None,
        on_lose=_let_go,
        utilization=lambda: 7,
    )
    with log.open("a", buffering=1) as lines:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(membership.run())
            tasks.create_task(_work(membership, lines))


async def _let_go(shard: int, reason: LossReason) -> None:
    pass


async def _work(membership: Membership, lines: TextIO) -> None:
    """Start a unit for every shard believed in, checked at the last moment."""
    while True:
        for shard in range(256):
            if membership.may_start(shard):
                lines.write(f"{shard} {monotonic_seconds():.4f}\n")
        await asyncio.sleep(UNIT_SECONDS)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
