"""The provider `kubernetes`: a complete list of each kind, then kopf's watches, and lists again from time to time.

kopf does not tell when a list is complete, nor what was deleted while a watch was down. So completeness comes from our
own lists: nothing counts as gone before each kind has been listed whole; a refused list (403) is never an empty one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from jethook_contract.errors import Unavailable
from jethook_contract.names import DEFAULT_POOL
from jethook_operator.core.resources import Kind
from jethook_operator.shell.kube import KubeApi
from jethook_operator.shell.kube_kinds import COLLECTIONS, GROUP, VERSION, Collection
from jethook_operator.shell.kube_source import KubeSource
from jethook_operator.shell.kube_watch import Login, Watches
from jethook_operator.shell.watch_life import WatchLife

_RETRY_SECONDS = 5.0
_SETTLE_SECONDS = 3.0  # between a list that kopf makes and ours that shows what was deleted before it
_log = structlog.get_logger(__name__)


class KubernetesProvider:
    """Gather from the Kubernetes API until cancelled; `lists` counts those that kopf's watches began with.

    `answered_at` tells when the API server last answered something else than a watch.
    """

    def __init__(
        self,
        api: KubeApi,
        *,
        source: KubeSource,
        login: Login,
        operator_namespace: str,
        resync_seconds: float,
        answered_at: Callable[[], float],
    ) -> None:
        self._api = api
        self._intake = source.intake
        self._source = source
        self._login = login
        self._operator_namespace = operator_namespace
        self._resync_seconds = resync_seconds
        self._relisted = asyncio.Event()
        self._relisting: set[Kind] = set()
        self.lists: Counter[Kind] = Counter()
        self.life = WatchLife(COLLECTIONS, answered_at=answered_at)

    async def run(self) -> None:
        """List, watch, list again; raise Unavailable when a kind vanishes or the watches end."""
        for collection in COLLECTIONS.values():
            await self._list_at_last(collection)
        self._intake.mark_gathered()
        _log.info("synced", **{kind: len(tuple(self._intake.store.keys(kind))) for kind in COLLECTIONS})
        watches = Watches(login=self._login, observer=self._observe, life=self.life)
        self.life.begin()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(watches.run())
                group.create_task(self._resync())
        except* Unavailable as failures:
            raise failures.exceptions[0] from None

    async def ensure_default_pool(self) -> None:
        """Make the pool `default` when there is no pool; called by the one process that leads, after the first look."""
        if any(True for _ in self._intake.store.keys("DispatcherPool")):
            return
        metadata = {"name": DEFAULT_POOL, "namespace": self._operator_namespace}
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "DispatcherPool", "metadata": metadata, "spec": {}}
        try:
            path = COLLECTIONS["DispatcherPool"].namespace_path(self._operator_namespace)
            self._source.seen("DispatcherPool", await self._api.create(path, body))
        except Unavailable as exc:
            _log.error("default_pool_not_created", reason=exc.reason, message=exc.message)

    def _observe(self, kind: Kind, event_type: str | None, raw: dict[str, Any]) -> None:
        self.life.saw(kind)
        if event_type == "DELETED":
            self._source.gone(kind, raw)
            return
        self._source.seen(kind, raw)
        if event_type is None:
            self._relisting.add(kind)
            self._relisted.set()

    async def _list_at_last(self, collection: Collection) -> None:
        while True:
            try:
                await self._list(collection)
            except Unavailable as exc:
                _log_refusal(exc, collection)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _list(self, collection: Collection) -> None:
        items, version = await self._api.list(collection.path, selector=collection.selector)
        self._source.listed(collection.kind, items, version=version)

    async def _resync(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._resync_seconds):
                    await self._relisted.wait()
                    await asyncio.sleep(_SETTLE_SECONDS)
            self._relisted.clear()
            self.lists.update(self._relisting)
            self._relisting.clear()
            for collection in COLLECTIONS.values():
                await self._list_again(collection)

    async def _list_again(self, collection: Collection) -> None:
        try:
            await self._list(collection)
        except Unavailable as exc:
            _log_refusal(exc, collection)
            if exc.reason == "NotFound":
                message = f"{collection.plural}.{collection.group} is no longer served; is its CRD removed?"
                raise Unavailable("KindGone", message) from exc


def _log_refusal(error: Unavailable, collection: Collection) -> None:
    kind = f"{collection.plural}.{collection.group}".rstrip(".")
    cures = {
        "NotFound": "apply the CRDs: kubectl apply -f crds/",
        "Forbidden": f"grant list and watch on {kind} to this account; until then nothing counts as gone",
    }
    cure = cures.get(error.reason, "none needed when it passes")
    _log.error("list_failed", kind=kind, reason=error.reason, message=error.message, cure=cure)
