"""What owns the children of pools, on a real API server, with no more rights than the operator's manifest gives."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from hack.kubernetes import ApiServer
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.core.pool import PoolReport
from jethook_operator.core.pool_settings import ChildSettings
from jethook_operator.core.resources import Key
from jethook_operator.shell.kube import KubeApi, load_configuration
from jethook_operator.shell.pool_children import PoolChildren
from jethook_operator.shell.pool_keys import PlanKeys
from jethook_operator.shell.store import ResourceStore
from tests.operator.shell.tenant import MANIFESTS, SYSTEM

CHILDREN = ("serviceaccount", "networkpolicy", "poddisruptionbudget", "deployment")
WRITES = ("apply", "create", "update", "delete")
IMAGE = "registry.example.com/jethook-dispatcher:1"


class PoolWorld:
    """One pool and its owner; `now` is the owner's clock."""

    def __init__(self, server: ApiServer, api: KubeApi, *, image: str = IMAGE) -> None:
        self.server = server
        self.api = api
        self.name = f"pool-{secrets.token_hex(4)}"
        self.child = f"jethook-dispatcher-{self.name}"
        self.now = 0.0
        self.changed: list[Key] = []
        self.store = ResourceStore(operator_namespace=SYSTEM)
        self.keys = PlanKeys(api, namespace=SYSTEM, reader=self.store, folder=None, changed=self.changed.append)
        self.owner = PoolChildren(
            api,
            settings=ChildSettings(namespace=SYSTEM, image=image, nats_urls=("nats://nats.jethook-system:4222",)),
            keys=self.keys,
            reader=self.store,
            clock=lambda: self.now,
        )

    async def kubectl(self, *arguments: str, stdin: str | None = None, namespace: str = SYSTEM) -> str:
        where = f"--namespace={namespace}"
        return (await asyncio.to_thread(self.server.kubectl, *arguments, where, stdin=stdin)).stdout

    async def apply(self, **spec: Any) -> DispatcherPool:
        """Write the pool, and take it in."""
        document = {"apiVersion": "jethook.io/v1alpha1", "kind": "DispatcherPool", "spec": spec}
        body = {**document, "metadata": {"name": self.name}}
        await self.kubectl("apply", "-f", "-", stdin=json.dumps(body))
        return await self.read()

    async def read(self) -> DispatcherPool:
        self.store.put(await self.get("dispatcherpool", self.name))
        found = self.store.pool(self.name)
        assert isinstance(found, DispatcherPool)
        return found

    async def get(self, kind: str, name: str = "", *, namespace: str = SYSTEM) -> Any:
        found = await self.kubectl(
            "get", kind, name or self.child, "--ignore-not-found", "-o", "json", namespace=namespace
        )
        return json.loads(found or "null")

    async def bring_in_line(self) -> PoolReport:
        """Look at the pool, a minute after the last look."""
        self.now += 60
        report = await self.owner.bring_in_line(await self.read())
        assert report is not None
        return report

    async def say(self, status: Mapping[str, Any]) -> None:
        """Write the Deployment's status, as its controller would; no controller runs here."""
        generation = (await self.get("deployment"))["metadata"]["generation"]
        patch = json.dumps({"status": {"observedGeneration": generation, **status}})
        await self.kubectl("patch", "deployment", self.child, "--subresource=status", "--type=merge", "-p", patch)

    def writes(self) -> int:
        """Count the requests that would change something."""
        return sum(count for (verb, _), count in self.api.requests.items() if verb in WRITES)


@asynccontextmanager
async def pool_world(server: ApiServer, **options: Any) -> AsyncIterator[PoolWorld]:
    """Install the rights, and act as the operator's ServiceAccount."""
    await asyncio.to_thread(server.kubectl, "apply", "-f", str(MANIFESTS))
    kubeconfig = await asyncio.to_thread(server.kubeconfig_for, "jethook-operator", namespace=SYSTEM)
    api = KubeApi(await load_configuration(kubeconfig=kubeconfig, context=None))
    world = PoolWorld(server, api, **options)
    try:
        yield world
    finally:
        await world.kubectl("delete", "dispatcherpool", world.name, "--ignore-not-found")
        await api.close()
