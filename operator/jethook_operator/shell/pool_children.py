"""Bring what a pool owns in the cluster in line, and look at how its Deployment goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from jethook_contract.errors import Unavailable, Waiting
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.core.pool import PoolReport
from jethook_operator.core.pool_children import bindings, children
from jethook_operator.core.pool_replicas import Desired, unscaled_replicas
from jethook_operator.core.pool_settings import ChildSettings, child_name, credentials_of, selector_text
from jethook_operator.core.pool_workload import SETTLED_SECONDS, Workload
from jethook_operator.core.resources import ResourceReader
from jethook_operator.shell.kube import METADATA_ONLY, Json, KubeApi
from jethook_operator.shell.kube_children import KubeChildren, found_or_none, pool_of, serves
from jethook_operator.shell.pool_keys import PlanKeys
from jethook_operator.shell.pool_observation import pods_trouble, workload_of
from jethook_operator.shell.surroundings import DesiredReplicas


async def unscaled(pool: DispatcherPool, *, current: int | None) -> Desired:
    """Decide without looking at any load."""
    return unscaled_replicas(pool, current=current)


class PoolChildren:
    """Own the child objects of all pools."""

    def __init__(
        self,
        api: KubeApi,
        *,
        settings: ChildSettings,
        keys: PlanKeys,
        reader: ResourceReader,
        desired: DesiredReplicas = unscaled,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.keys = keys
        self.objects = KubeChildren(api)
        self._api = api
        self._settings = settings
        self._reader = reader
        self._desired = desired
        self._clock = clock or asyncio.get_running_loop().time
        self._looked: dict[str, tuple[int, float]] = {}  # pool -> generation and time of the last full look

    def decide_by(self, desired: DesiredReplicas) -> None:
        """Have replicas decided by this from now on."""
        self._desired = desired

    async def bring_in_line(self, pool: DispatcherPool) -> PoolReport | None:
        """Write what differs from what shall be; None for a pool that is being deleted.

        Raises Unavailable, Waiting `NATSCredentialsNotFound`, and Invalid when the plan key is none.
        """
        if pool.metadata.deletion_timestamp is not None:
            return None
        full = self._due(pool)
        if full:
            await self.keys.ensure(pool)
            await self._check_credentials(pool)
        name, namespace = child_name(pool.metadata.name), self._settings.namespace
        found = await self.objects.find("Deployment", namespace=namespace, name=name)
        desired = await self._desired(pool, current=None if found is None else found["spec"]["replicas"])
        wanted = {one.kind: one for one in children(pool, settings=self._settings, replicas=desired.replicas)}
        last = wanted.pop("Deployment")
        for child in wanted.values() if full else ():
            await self.objects.ensure(child)
        deployment = await self.objects.put_right(last, found=found)
        if full:
            await self._bind(pool)
            self._looked[pool.metadata.name] = (pool.metadata.generation, self._clock())
        return PoolReport(workload=await self._observe(pool, deployment), desired=desired)

    def look_again(self, pool: str) -> None:
        """Make the next look at a pool a full one: one of its children changed."""
        self._looked.pop(pool, None)

    async def remove(self, pool: str) -> None:
        """Remove the bindings of a pool that is gone; all else goes with its owner."""
        self.look_again(pool)
        self.keys.forget(pool)
        for one in await self.objects.bindings(pool):
            if serves(one, pool=pool, namespace=self._settings.namespace):
                await self.objects.remove(one)

    async def leftovers(self) -> tuple[str, ...]:
        """Name the pools that are gone and have bindings of this operator still; call it once all pools are known."""
        found = {pool_of(one.document["metadata"]): one for one in await self.objects.bindings()}
        gone = {pool for pool in found if self._reader.pool(pool) is None}
        return tuple(sorted(p for p in gone if serves(found[p], pool=p, namespace=self._settings.namespace)))

    def _due(self, pool: DispatcherPool) -> bool:
        generation, at = self._looked.get(pool.metadata.name, (-1, 0.0))
        return generation != pool.metadata.generation or self._clock() - at >= SETTLED_SECONDS - 1

    async def _bind(self, pool: DispatcherPool) -> None:
        """Have the bindings that are wanted, and none else; a namespace that is not there has none."""
        wanted = {(one.kind, one.namespace): one for one in bindings(pool, settings=self._settings)}
        existing = await self.objects.bindings(pool.metadata.name)
        for one in existing:
            ours = serves(one, pool=pool.metadata.name, namespace=self._settings.namespace)
            if ours and (one.kind, one.namespace) not in wanted:
                await self.objects.remove(one)
        known = {(one.kind, one.namespace) for one in existing}
        for place, child in wanted.items():
            if place in known or not child.namespace or await self._takes_objects(child.namespace):
                await self.objects.ensure(child)

    async def _takes_objects(self, namespace: str) -> bool:
        found = await found_or_none(self._api, f"/api/v1/namespaces/{namespace}", accept=METADATA_ONLY)
        return found is not None and not found["metadata"].get("deletionTimestamp")

    async def _check_credentials(self, pool: DispatcherPool) -> None:
        name = credentials_of(pool, settings=self._settings)
        if name is None:
            return
        path = f"/api/v1/namespaces/{self._settings.namespace}/secrets/{name}"
        if await found_or_none(self._api, path, accept=METADATA_ONLY) is None:
            text = f"Secret {name} with the pool's NATS user does not exist in the operator's namespace; create it"
            raise Waiting("NATSCredentialsNotFound", text)

    async def _observe(self, pool: DispatcherPool, deployment: Json) -> Workload:
        workload = workload_of(deployment)
        if workload.settled or not workload.current:
            return workload
        path = f"/api/v1/namespaces/{self._settings.namespace}/pods"
        try:
            pods, _ = await self._api.list(path, selector=selector_text(pool.metadata.name))
        except Unavailable as exc:
            if exc.reason != "Forbidden":
                raise
            return workload  # the Deployment's own conditions tell less, and later
        return replace(workload, pods=pods_trouble(pods))
