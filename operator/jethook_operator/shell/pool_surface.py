"""The pools' part of the surface `kubernetes`: who owns their Deployments, and what runs beside for that."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from jethook_contract.errors import Unavailable
from jethook_operator.core.pool_settings import ChildSettings
from jethook_operator.core.resources import Key
from jethook_operator.shell.kube import KubeApi
from jethook_operator.shell.kube_child_watch import ChildWatch
from jethook_operator.shell.pool_children import PoolChildren
from jethook_operator.shell.pool_keys import PlanKeys
from jethook_operator.shell.provider import Intake

_RETRY_SECONDS = 30.0
_log = structlog.get_logger(__name__)


class PoolSurface:
    """Build what owns the pools' children, and run its watch; `children` and `key_ring` go to the reconciler."""

    def __init__(
        self,
        api: KubeApi,
        *,
        settings: ChildSettings,
        intake: Intake,
        plan_keys_dir: Path | None,
    ) -> None:
        self._intake = intake
        self._namespace = settings.namespace
        self._keys = PlanKeys(
            api,
            namespace=settings.namespace,
            reader=intake.store,
            folder=plan_keys_dir,
            changed=intake.announce_affected,
        )
        self._watch = ChildWatch(api, namespace=settings.namespace, changed=self._changed)
        self.children = PoolChildren(api, settings=settings, keys=self._keys, reader=intake.store)
        self.key_ring = self._keys.ring

    async def lead(self) -> None:
        """Read the plan keys of the pools that there are: their endpoints are reconciled next."""
        await self._keys.load(key.name for key in self._intake.store.keys("DispatcherPool"))

    async def run(self) -> None:
        """Watch the Deployments, and look once for what pools left that went while no operator ran."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch.run())
            tasks.create_task(self._clear_leftovers())

    def _changed(self, pool: str) -> None:
        self.children.look_again(pool)
        self._intake.announce(Key("DispatcherPool", self._namespace, pool))

    async def _clear_leftovers(self) -> None:
        await self._intake.synced()
        while True:
            try:
                for pool in await self.children.leftovers():
                    self._intake.announce(Key("DispatcherPool", self._namespace, pool))
            except Unavailable as exc:
                _log.warning("leftovers_not_listed", reason=exc.reason, message=exc.message)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return
