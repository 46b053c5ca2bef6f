"""Real WebhookEndpoints and Subscriptions in a real API server, and what it shows of them, by watches."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from hack.kubernetes import ApiServer

ENDPOINTS, SUBSCRIPTIONS = "webhookendpoints", "subscriptions"
_CRDS = Path(__file__).parents[1] / "crds"
_BASE = "/apis/jethook.io/v1alpha1"
_AT_ONCE = 16
_LINE_BYTES = 1024 * 1024
_APPLY = re.compile(r'^apiserver_request_total\{(.*subresource="status",verb="APPLY".*)\} (\d+)$', re.MULTILINE)
_WATCH_SECONDS = 3600


@dataclass(slots=True)
class Shown:
    """What the API server shows of one kind; times are monotonic.

    `conditions`: since when, with which status of `Delivering`, by namespace and name. `writes`: when each change came.
    """

    conditions: dict[str, tuple[str, float]] = field(default_factory=dict)
    writes: list[float] = field(default_factory=list)

    def take(self, event: dict[str, Any]) -> None:
        """Take one event of the watch."""
        if event["type"] != "MODIFIED":
            raise RuntimeError(f"the watch brought {event['type']}: {str(event['object'])[:300]}")
        now, found = time.monotonic(), event["object"]
        self.writes.append(now)
        name = f"{found['metadata']['namespace']}/{found['metadata']['name']}"
        for condition in found.get("status", {}).get("conditions", ()):
            if condition["type"] == "Delivering":
                known = self.conditions.get(name)
                since = known[1] if known is not None and known[0] == condition["status"] else now
                self.conditions[name] = (condition["status"], since)

    def since(self, status: str) -> list[float]:
        """Give since when each object is shown that has this status now."""
        return [at for found, at in self.conditions.values() if found == status]


class Cluster:
    """The API server as its admin sees it; `shown` is kept up to date by watches."""

    def __init__(self, server: ApiServer, *, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session
        self.kubeconfig = server.kubeconfig
        self.shown = {ENDPOINTS: Shown(), SUBSCRIPTIONS: Shown()}

    async def create(self, namespace: str, names: Sequence[str], *, url: str) -> dict[str, tuple[str, str]]:
        """Make an endpoint and a Subscription of each name, and give their UIDs."""
        await self._post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        free = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> tuple[str, str]:
            subscription = {"endpointRef": {"name": name}, "eventTypes": [f"com.example.made.{name}"]}
            async with free:
                return (
                    await self._make(namespace, "WebhookEndpoint", name=name, spec={"url": url}),
                    await self._make(namespace, "Subscription", name=name, spec=subscription),
                )

        return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Keep `shown` up to date while the block runs; an end of a watch ends the block with an error."""
        versions = {kind: await self._version(kind) for kind in self.shown}
        async with asyncio.TaskGroup() as tasks:
            watches = [tasks.create_task(self._watch(kind, version=version)) for kind, version in versions.items()]
            yield
            for task in watches:
                task.cancel()

    def writes(self) -> list[float]:
        """Give when each change of an object came, in order."""
        return sorted(at for shown in self.shown.values() for at in shown.writes)

    async def applies(self) -> dict[str, int]:
        """Give how many statuses the API server was asked to apply, and how many dry runs of that."""
        async with self._session.get(f"{self._server.url}/metrics") as answer:
            found = _APPLY.findall(await answer.text())
        dry = sum(int(count) for labels, count in found if 'dry_run="All"' in labels)
        return {"applies": sum(int(count) for _, count in found) - dry, "dry_runs": dry}

    async def _watch(self, kind: str, *, version: str) -> None:
        query = f"watch=1&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
        async with self._session.get(f"{self._server.url}{_BASE}/{kind}?{query}") as answer:
            answer.raise_for_status()
            async for line in answer.content:
                self.shown[kind].take(json.loads(line))
        raise RuntimeError("the watch ended")

    async def _version(self, kind: str) -> str:
        async with self._session.get(f"{self._server.url}{_BASE}/{kind}?limit=1") as answer:
            answer.raise_for_status()
            return str((await answer.json())["metadata"]["resourceVersion"])

    async def _make(self, namespace: str, kind: str, *, name: str, spec: dict[str, Any]) -> str:
        plural = ENDPOINTS if kind == "WebhookEndpoint" else SUBSCRIPTIONS
        document = {"apiVersion": "jethook.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        return await self._post(f"{_BASE}/namespaces/{namespace}/{plural}", document)

    async def _post(self, path: str, document: dict[str, Any]) -> str:
        async with self._session.post(f"{self._server.url}{path}", json=document) as answer:
            if not answer.ok:
                raise RuntimeError(f"POST {path}: {answer.status} {(await answer.text())[:500]}")
            return str((await answer.json())["metadata"]["uid"])


@asynccontextmanager
async def running_cluster(folder: Path) -> AsyncIterator[Cluster]:
    """Run an API server with the CRDs; ended, as is what watches, when the block ends."""
    server = ApiServer(folder)
    try:
        await asyncio.to_thread(_start, server)
        headers = {"Authorization": f"Bearer {server.token}"}
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=server.ca_file))
        forever = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(
            headers=headers, connector=connector, timeout=forever, read_bufsize=_LINE_BYTES
        ) as session:
            yield Cluster(server, session=session)
    finally:
        server.close()


def _start(server: ApiServer) -> None:
    server.start()
    server.install_crds(_CRDS)
