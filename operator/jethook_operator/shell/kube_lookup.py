"""Single questions to the Kubernetes API that the watches do not answer: a Secret without label, a namespace's UID."""

from __future__ import annotations

from jethook_contract.errors import Unavailable
from jethook_operator.core.resources import SecretValue
from jethook_operator.shell.kube import METADATA_ONLY, Json, KubeApi
from jethook_operator.shell.kube_kinds import COLLECTIONS, secret_value
from jethook_operator.shell.store import ResourceStore


class KubeLookup:
    """Ask when needed; raises Unavailable when the API server does not answer or does not allow it."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

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

    async def ensure_namespace_uid(self, store: ResourceStore, namespace: str) -> None:
        """Have the store know the UID of a namespace; a namespace that is gone has the empty one."""
        if not store.knows_namespace(namespace):
            found = await self._get(f"/api/v1/namespaces/{namespace}", accept=METADATA_ONLY)
            if found is not None:
                store.set_namespace_uid(namespace, found["metadata"]["uid"])

    async def _get(self, path: str, *, accept: str = "application/json") -> Json | None:
        try:
            return await self._api.get(path, accept=accept)
        except Unavailable as exc:
            if exc.reason == "NotFound":
                return None
            raise
