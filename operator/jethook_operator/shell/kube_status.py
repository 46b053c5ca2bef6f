"""Statuses in the Kubernetes API: server-side apply by `jethook-operator`, whole, equal ones skipped.

The store may show an object as it was before our last write; so the answer to each write is kept until the watch has
caught up, and whichever is newer is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from jethook_contract.errors import Unavailable
from jethook_contract.names import OPERATOR_MANAGER
from jethook_operator.core.resources import Key
from jethook_operator.core.status import StatusPatch
from jethook_operator.shell.kube import KubeApi
from jethook_operator.shell.kube_budget import TokenBucket
from jethook_operator.shell.kube_kinds import COLLECTIONS, GROUP, VERSION
from jethook_operator.shell.objects_status import operators_half, status_document
from jethook_operator.shell.store import ResourceStore

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A status, and the resource version at which it was so."""

    uid: str
    version: int
    status: Mapping[str, Any]


class KubeStatusSink:
    """Write statuses; `written` counts the writes."""

    def __init__(
        self, api: KubeApi, *, store: ResourceStore, bucket: TokenBucket, clock: Callable[[], datetime]
    ) -> None:
        self.written = 0
        self._api = api
        self._store = store
        self._bucket = bucket
        self._clock = clock
        self._answers: dict[Key, _Seen] = {}

    async def apply(self, patch: StatusPatch) -> bool:
        """Write a status unless the object has it already; tell whether it was written.

        An object that is gone, or was made anew since, is no error. Raises Unavailable when the write failed.
        """
        current = self._current(patch.key)
        if current is None or current.uid != patch.uid:
            self._answers.pop(patch.key, None)
            return False
        wanted = status_document(patch, current=current.status, now=self._clock())
        if operators_half(wanted) == operators_half(current.status):
            return False
        await self._bucket.take()
        return await self._write(patch, wanted)

    async def _write(self, patch: StatusPatch, wanted: Mapping[str, Any]) -> bool:
        key = patch.key
        path = COLLECTIONS[key.kind].object_path(key.namespace, key.name) + "/status"
        # A uid here would guard nothing: the server takes a wrong one. A namesake that was made this moment gets this
        # status, and its own reconcile, which its watch event brings, corrects it.
        metadata = {"name": key.name, "namespace": key.namespace}
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": key.kind, "metadata": metadata, "status": wanted}
        try:
            answer = await self._api.apply(path, body, manager=OPERATOR_MANAGER)
        except Unavailable as exc:
            if exc.reason in {"NotFound", "Conflict"}:
                return False
            raise
        self._answers[key] = _seen(answer)
        self.written += 1
        return True

    def _current(self, key: Key) -> _Seen | None:
        raw = self._store.raw(key)
        if raw is None:
            return None
        shown = _seen(raw)
        answer = self._answers.get(key)
        if answer is not None and answer.uid == shown.uid and answer.version > shown.version:
            return answer
        self._answers.pop(key, None)
        return shown


def _seen(raw: Mapping[str, Any]) -> _Seen:
    metadata = raw["metadata"]
    return _Seen(metadata["uid"], int(metadata["resourceVersion"]), raw.get("status") or {})
