"""Single questions to the Kubernetes API that the watches do not answer: a Secret without label, a Namespace."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable

from jethook_contract.errors import Unavailable
from jethook_contract.names import QUOTA_ANNOTATION
from jethook_operator.core.resources import Key, SecretValue
from jethook_operator.shell.kube import METADATA_ONLY, Json, KubeApi
from jethook_operator.shell.kube_kinds import COLLECTIONS, secret_value
from jethook_operator.shell.store import ResourceStore

_TRIES = 3


class KubeLookup:
    """Ask when needed; raises Unavailable when the API server does not answer or does not allow it.

    `refresh_seconds`: after that long a namespace is read again, since nothing tells of its annotations.
    """

    def __init__(
        self, api: KubeApi, *, refresh_seconds: float = 600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._read_at: dict[str, float] = {}  # namespace -> when it was asked for

    async def secret(self, namespace: str, name: str) -> SecretValue | None:
        """Find a Secret. Its data is asked for only when it has the label, and the watch is just late."""
        path = COLLECTIONS["Secret"].object_path(namespace, name)
        metadata = await self._get(path, accept=METADATA_ONLY)
        if metadata is None:
            return None
        found = secret_value(metadata)
        if not found.labelled:
            return found
        whole = await self._get(path)
        return secret_value(whole) if whole is not None else None

    async def ensure_namespace_uid(self, store: ResourceStore, key: Key) -> None:
        """Have the store know UID and quota of the namespace of an object, read again from time to time.

        What is known stays known when the API server does not answer. An answer that was overtaken by a change of the
        namespace's objects is not believed, and none is asked for an object that is gone: it would be about the
        namespace that goes with it, and be kept for its namesake.
        """
        namespace = key.namespace
        if store.knows_namespace(namespace):
            if self._clock() - self._read_at.get(namespace, -math.inf) >= self._refresh_seconds:
                with contextlib.suppress(Unavailable):
                    await self._read(store, namespace)
            return
        for _ in range(_TRIES):
            if store.raw(key) is None or await self._read(store, namespace):
                return
        raise Unavailable("NamespaceChanges", f"namespace {namespace} changes while it is read; looking again")

    async def _read(self, store: ResourceStore, namespace: str) -> bool:
        doubts, asked = store.namespace_doubts(namespace), self._clock()
        found = await self._get(f"/api/v1/namespaces/{namespace}", accept=METADATA_ONLY)
        if store.namespace_doubts(namespace) != doubts:
            return False
        if found is not None:
            metadata = found["metadata"]
            store.set_namespace_uid(namespace, metadata["uid"])
            store.set_events_quota(namespace, (metadata.get("annotations") or {}).get(QUOTA_ANNOTATION))
            self._read_at[namespace] = -math.inf if metadata.get("deletionTimestamp") else asked
        return True

    async def _get(self, path: str, *, accept: str = "application/json") -> Json | None:
        try:
            return await self._api.get(path, accept=accept)
        except Unavailable as exc:
            if exc.reason == "NotFound":
                return None
            raise
