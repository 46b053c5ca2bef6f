"""Wire the reports of the lanes to the pool's status bucket and, where there is a cluster, to its resources."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from nats.js import JetStreamContext

from jethook_contract.members import SHARD_COUNT
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.kube_client import KubeClient
from jethook_dispatcher.shell.kube_status import KubeStatusWriter
from jethook_dispatcher.shell.lane_egress import Place
from jethook_dispatcher.shell.membership import Membership
from jethook_dispatcher.shell.status import StatusReporter
from jethook_dispatcher.shell.status_bucket import StatusBucket
from jethook_dispatcher.shell.status_writes import CountedApi, CountedStore, Writes

_HTTPS_PORT = 443


class StatusReports:
    """Hold the reporter of a process; `kube` None keeps status in the bucket only. `writes`: by where they go."""

    def __init__(
        self, jetstream: JetStreamContext, *, pool: str, membership: Membership, kube: KubeClient | None
    ) -> None:
        def share() -> float:
            return sum(map(membership.holds, range(SHARD_COUNT))) / SHARD_COUNT

        clock = Clock()
        self.writes = {"nats": Writes(), "kubernetes": Writes()}
        self._kube = kube
        self._writer: KubeStatusWriter | None = None
        if kube is not None:
            resources = CountedApi(kube, writes=self.writes["kubernetes"])
            self._writer = KubeStatusWriter(resources, clock=clock, holds=membership.holds, share=share)
        self.reporter = StatusReporter(
            CountedStore(StatusBucket(jetstream, pool=pool), writes=self.writes["nats"]),
            clock=clock,
            holds=membership.holds,
            share=share,
            sink=self._writer,
        )

    async def run(self) -> None:
        """Write what is due until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.reporter.run())
            if self._writer is not None:
                tasks.create_task(self._writer.run())

    async def flush(self, shard: int) -> None:
        """Write what has changed for a shard that is about to be given up."""
        await self.reporter.flush(shard=shard)
        if self._writer is not None:
            await self._writer.flush(shard=shard)  # while it is still held

    async def close(self) -> None:
        """Close the connection to the cluster; nothing may be written any more, since no shard is held."""
        if self._kube is not None:
            await self._kube.close()


def api_server(kube: KubeClient) -> Place | None:
    """Give host and port of the API server, which no delivery may reach."""
    url = urlsplit(kube.server_url)
    return (url.hostname, url.port or _HTTPS_PORT) if url.hostname else None
