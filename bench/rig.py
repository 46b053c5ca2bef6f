"""One installation to measure: nats-server, a receiver, dispatchers, each a process of its own on this machine."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.installation import Installation, Lane
from bench.machine import cpu_seconds
from bench.processes import Receiver, process, receiving
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, disconnect
from jethook_contract.members import SHARD_COUNT
from tests.fixtures.nats import NatsServer

_START_SECONDS = 60.0


@dataclass(slots=True)
class Rig:
    """What runs; `dispatchers` are pids by member name."""

    url: str
    nats_pid: int
    log: Path
    keys: Path
    installation: Installation
    receiver: Receiver
    stack: AsyncExitStack
    dispatchers: dict[str, int] = field(default_factory=dict)

    @property
    def dispatcher(self) -> int:
        """The pid of the only dispatcher."""
        (pid,) = self.dispatchers.values()
        return pid

    async def start_dispatcher(self, member: str) -> None:
        """Start one more, and wait until all of them share all shards."""
        arguments = ("--nats", self.url, "--plan-key", str(self.keys), "--member", member)
        command = ("-m", "jethook_cli", "dispatcher", *arguments)
        child = await self.stack.enter_async_context(process(*command, log=self.log))
        self.dispatchers[member] = child.pid
        await self._shared()

    async def warm(self, lanes: Sequence[Lane], *, seconds: float = _START_SECONDS) -> None:
        """Deliver an event on each lane, so that all are known to work, and start the receiver's records anew."""
        await self.receiver.counts("reset")
        await self.installation.fill(lanes, count=len(lanes))
        await self.receiver.wait_for(len(lanes), seconds=seconds)
        await self.receiver.counts("reset")

    def cpu(self) -> dict[str, float]:
        """Give the CPU seconds so far of each kind of process."""
        return {
            "dispatchers": sum(cpu_seconds(pid) for pid in self.dispatchers.values()),
            "nats": cpu_seconds(self.nats_pid),
            "receiver": cpu_seconds(self.receiver.pid),
        }

    async def _shared(self) -> None:
        """Wait until every shard is claimed, and every member has a third of its fair share at least."""
        deadline = time.monotonic() + _START_SECONDS
        least = SHARD_COUNT / len(self.dispatchers) / 3
        while time.monotonic() < deadline:
            holders = await self.installation.holders()
            if len(holders) == SHARD_COUNT and all(holders.count(member) >= least for member in self.dispatchers):
                return
            await asyncio.sleep(0.3)
        raise TimeoutError(f"the shards were not shared in {_START_SECONDS:.0f} s:\n{self.log.read_text()[-3000:]}")


@asynccontextmanager
async def rig(*, dispatchers: int = 1, namespaces: Sequence[str] = ("bench",)) -> AsyncIterator[Rig]:
    """Start everything on an empty store; all of it is ended by pid and removed when the block ends."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jethook-bench-")))
        server = stack.enter_context(_nats(folder))
        client = await connect(ConnectionSettings(servers=(server.url,), name="bench"), hooks=ConnectionHooks())
        stack.push_async_callback(disconnect, client)
        log, keys = folder / "log", folder / "keys"
        installation = Installation(client, keys_file=keys)
        await installation.lay_pool()
        for namespace in namespaces:
            await installation.lay_namespace(namespace)
        receiver = await stack.enter_async_context(receiving(log))
        made = Rig(server.url, server.pid, log, keys, installation, receiver, stack)
        for number in range(dispatchers):
            await made.start_dispatcher(f"bench-{number}")
        yield made


@contextmanager
def _nats(folder: Path) -> Iterator[NatsServer]:
    server = NatsServer(folder / "nats")
    try:
        server.start()
        yield server
    finally:
        server.close()
