"""Watch the pools' Deployments: whatever changes one, its pool is looked at again.

The other children are compared once a minute, so the operator needs no right to watch them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from jethook_contract.errors import Unavailable
from jethook_operator.core.pool_settings import COMPONENT, MANAGED_BY
from jethook_operator.shell.kube import KubeApi
from jethook_operator.shell.kube_children import collection_path, pool_of

SELECTOR = f"app.kubernetes.io/name={COMPONENT},app.kubernetes.io/managed-by={MANAGED_BY}"
_RETRY_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class ChildWatch:
    """Call `changed` with a pool's name when its Deployment is made, changed or removed."""

    def __init__(self, api: KubeApi, *, namespace: str, changed: Callable[[str], None]) -> None:
        self._api = api
        self._path = collection_path("Deployment", namespace=namespace)
        self._changed = changed
        self._versions: dict[str, str] = {}  # pool -> resource version last told

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self._list_and_watch()
            except Unavailable as exc:
                cure = "grant list and watch on deployments in the operator's namespace" if _refused(exc) else "none"
                _log.warning("children_not_watched", reason=exc.reason, message=exc.message, cure=cure)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _list_and_watch(self) -> None:
        items, version = await self._api.list(self._path, selector=SELECTOR)
        for item in items:
            self._tell(item["metadata"])
        async for found in self._api.watch(self._path, selector=SELECTOR, version=version):
            self._tell(found["metadata"])

    def _tell(self, metadata: Mapping[str, Any]) -> None:
        pool, version = pool_of(metadata), str(metadata.get("resourceVersion"))
        if pool and self._versions.get(pool) != version:
            self._versions[pool] = version
            self._changed(pool)


def _refused(error: Unavailable) -> bool:
    return error.reason == "Forbidden"
