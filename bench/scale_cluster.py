"""A real API server full of endpoints and Subscriptions: made in bulk, watched until Ready, its writes counted."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from hack.kubernetes import ApiServer

ENDPOINTS, SUBSCRIPTIONS = "webhookendpoints", "subscriptions"
NAMESPACE = "jethook-system"
_ROOT = Path(__file__).parents[1]
_BASE = "/apis/jethook.io/v1alpha1"
_AT_ONCE = 32
_LINE_BYTES = 1024 * 1024
_WATCH_SECONDS = 3600
_AGAIN_SECONDS = 0.1
_REQUESTS = re.compile(r"^apiserver_request_total\{(?P<labels>.*)\} (?P<count>[0-9.e+]+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_WRITING = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE"})
_OWN_GROUPS = frozenset({"coordination.k8s.io", "authentication.k8s.io", "authorization.k8s.io"})
"""What the API server writes for itself, and questions that are posted."""


@dataclass(slots=True)
class Watched:
    """What a watch has shown of one kind: who is Ready, and when statuses changed (monotonic seconds)."""

    ready: set[str] = field(default_factory=set)
    changes: list[float] = field(default_factory=list)

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event; raises RuntimeError for one that is neither a new object nor a change."""
        if event["type"] not in {"ADDED", "MODIFIED"}:
            raise RuntimeError(f"the watch brought {event['type']}: {str(event['object'])[:300]}")
        found = event["object"]
        if event["type"] == "MODIFIED":
            self.changes.append(time.monotonic())
        name = f"{found['metadata']['namespace']}/{found['metadata']['name']}"
        if _is_ready(found):
            self.ready.add(name)
        else:
            self.ready.discard(name)


class Cluster:
    """The API server as its admin sees it."""

    def __init__(self, server: ApiServer, *, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session
        self.watched = {ENDPOINTS: Watched(), SUBSCRIPTIONS: Watched()}

    def kubeconfig_for(self, account: str) -> Path:
        """Write a kubeconfig with the rights of a ServiceAccount of the system's namespace."""
        return self._server.kubeconfig_for(account, namespace=NAMESPACE)

    async def make(self, plural: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Make objects, many at once; raises RuntimeError when one is refused."""
        free = asyncio.Semaphore(_AT_ONCE)

        async def one(document: Mapping[str, Any]) -> None:
            async with free:
                await self._post(f"{_BASE}/namespaces/{document['metadata']['namespace']}/{plural}", document)

        await asyncio.gather(*map(one, documents))

    async def make_namespace(self, name: str) -> None:
        """Make a namespace."""
        await self._post("/api/v1/namespaces", {"metadata": {"name": name}})

    async def writes(self, *, resource: str | None = None) -> int:
        """Count the requests to write so far that were no dry run, of one resource or of all but the server's own."""
        async with self._session.get(f"{self._server.url}/metrics") as answer:
            return count_writes(await answer.text(), resource=resource)

    def changes(self, *, since: float) -> list[float]:
        """Give when objects changed since a moment, in order."""
        return sorted(at for watched in self.watched.values() for at in watched.changes if at >= since)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Keep `watched` up to date while the block runs; an error of a watch ends the block with an error."""
        versions = {kind: await self._version(kind) for kind in self.watched}
        async with asyncio.TaskGroup() as tasks:
            watches = [tasks.create_task(self._watch(kind, version=version)) for kind, version in versions.items()]
            yield
            for task in watches:
                task.cancel()

    async def _watch(self, kind: str, *, version: str) -> None:
        """Watch on from where the last watch ended: the server ends those of a CRD that was just installed."""
        while True:
            query = f"watch=1&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
            async with self._session.get(f"{self._server.url}{_BASE}/{kind}?{query}") as answer:
                answer.raise_for_status()
                async for line in answer.content:
                    event = json.loads(line)
                    self.watched[kind].take(event)
                    version = event["object"]["metadata"]["resourceVersion"]
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _version(self, kind: str) -> str:
        async with self._session.get(f"{self._server.url}{_BASE}/{kind}?limit=1") as answer:
            answer.raise_for_status()
            return str((await answer.json())["metadata"]["resourceVersion"])

    async def _post(self, path: str, document: Mapping[str, Any]) -> None:
        async with self._session.post(f"{self._server.url}{path}", json=document) as answer:
            if not answer.ok:
                raise RuntimeError(f"POST {path}: {answer.status} {(await answer.text())[:500]}")


@asynccontextmanager
async def running_cluster(folder: Path) -> AsyncIterator[Cluster]:
    """Run an API server with CRDs, rights and a pool that opens loopback; ended when the block ends."""
    server = ApiServer(folder)
    try:
        await asyncio.to_thread(_start, server)
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=server.ca_file))
        forever = aiohttp.ClientTimeout(total=None, sock_connect=10)
        headers = {"Authorization": f"Bearer {server.token}"}
        async with aiohttp.ClientSession(
            headers=headers, connector=connector, timeout=forever, read_bufsize=_LINE_BYTES
        ) as session:
            yield Cluster(server, session=session)
    finally:
        server.close()


def count_writes(metrics: str, *, resource: str | None = None) -> int:
    """Count in the API server's metrics the requests to write, of one resource or of all but the server's own."""
    total = 0.0
    for found in _REQUESTS.finditer(metrics):
        labels = dict(_LABEL.findall(found["labels"]))
        if labels.get("verb") not in _WRITING or labels.get("dry_run") or labels.get("group") in _OWN_GROUPS:
            continue
        if labels.get("subresource") == "token" or resource not in {None, labels.get("resource")}:
            continue
        total += float(found["count"])
    return int(total)


def _is_ready(found: Mapping[str, Any]) -> bool:
    """Tell whether an object is Ready in its present version."""
    generation = found["metadata"]["generation"]
    return any(
        condition["type"] == "Ready"
        and condition["status"] == "True"
        and condition.get("observedGeneration") == generation
        for condition in found.get("status", {}).get("conditions", ())
    )


def _start(server: ApiServer) -> None:
    server.start()
    server.install_crds(_ROOT / "crds")
    server.kubectl("apply", "-f", str(_ROOT / "examples" / "kubernetes"))
    server.kubectl("apply", "-n", NAMESPACE, "-f", str(_ROOT / "examples" / "quickstart" / "pool.yaml"))
