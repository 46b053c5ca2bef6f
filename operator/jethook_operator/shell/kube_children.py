"""Child objects in the Kubernetes API: one is written when it is not as wanted, and left alone when it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from jethook_contract.errors import Unavailable
from jethook_contract.names import OPERATOR_MANAGER
from jethook_operator.core.pool_children import Child, ChildKind
from jethook_operator.core.pool_compare import as_wanted, touched
from jethook_operator.core.pool_settings import MANAGED_BY, child_name
from jethook_operator.shell.kube import Json, KubeApi

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_COLLECTIONS: Mapping[ChildKind, str] = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
    "ClusterRoleBinding": f"{_RBAC}/clusterrolebindings",
    "RoleBinding": _RBAC + "/namespaces/{namespace}/rolebindings",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
}
_EVERYWHERE: Mapping[ChildKind, str] = {
    "ClusterRoleBinding": f"{_RBAC}/clusterrolebindings",
    "RoleBinding": f"{_RBAC}/rolebindings",
}
_REFUSALS = frozenset({"Forbidden", "Refused", "Conflict", "NotFound"})
_POOL_LABEL = "app.kubernetes.io/instance"
_log = structlog.get_logger(__name__)


class KubeChildren:
    """Read, write and remove child objects; `written` counts the writes."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._settled: dict[str, tuple[Mapping[str, Any], Any]] = {}  # path -> document, and what came of it
        self.written = 0

    def forget(self) -> None:
        """Forget what came of earlier writes."""
        self._settled.clear()

    async def find(self, kind: ChildKind, *, namespace: str, name: str) -> Json | None:
        """Read one, or give None."""
        return await found_or_none(self._api, child_path(kind, namespace=namespace, name=name))

    async def ensure(self, child: Child) -> Json:
        """Look at an object, and have it as its document says; give it as it is then. Raises as `put_right` does."""
        found = await self.find(child.kind, namespace=child.namespace, name=child.name)
        return await self.put_right(child, found=found)

    async def put_right(self, child: Child, *, found: Json | None) -> Json:
        """Write an object unless what was found is as its document says; raises Unavailable, `ChildRefused` too."""
        path = child_path(child.kind, namespace=child.namespace, name=child.name)
        if found is not None and self._as_wanted(path, child.document, found=found):
            return found
        return await self._write(path, child, found=found)

    async def bindings(self, pool: str = "") -> list[Child]:
        """List the bindings that any operator made for a pool, or for every pool; raises Unavailable."""
        selector = f"app.kubernetes.io/managed-by={MANAGED_BY}" + (f",{_POOL_LABEL}={pool}" if pool else "")
        listed: list[Child] = []
        for kind, path in _EVERYWHERE.items():
            items, _ = await self._api.list(path, selector=selector)
            listed += [_child(kind, item) for item in items]
        return listed

    async def remove(self, child: Child) -> None:
        """Delete an object."""
        path = child_path(child.kind, namespace=child.namespace, name=child.name)
        await self._api.delete(path)
        self._settled.pop(path, None)
        self.written += 1
        _log.info("child_removed", kind=child.kind, namespace=child.namespace, name=child.name)

    def _as_wanted(self, path: str, document: Mapping[str, Any], *, found: Json) -> bool:
        if as_wanted(document, found=found):
            return True
        # The server may spell a document otherwise, or keep what others added to a list: what came of the last write of
        # this very document is as near as it gets.
        return self._settled.get(path) == (document, touched(document, found=found))

    async def _write(self, path: str, child: Child, *, found: Json | None) -> Json:
        try:
            if found is not None and "roleRef" in found and found["roleRef"] != child.document["roleRef"]:
                await self._api.delete(path)  # a roleRef is for good
            answer = await self._api.apply(path, child.document, manager=OPERATOR_MANAGER)
        except Unavailable as exc:
            if exc.reason not in _REFUSALS:
                raise
            raise Unavailable("ChildRefused", f"{child.kind} {child.name} cannot be written: {exc.message}") from exc
        self._settled[path] = (child.document, touched(child.document, found=answer))
        self.written += 1
        made = found is None
        _log.info("child_written", kind=child.kind, namespace=child.namespace, name=child.name, made=made)
        return answer


def child_path(kind: ChildKind, *, namespace: str, name: str) -> str:
    """Give the path of one object."""
    return f"{_COLLECTIONS[kind].format(namespace=namespace)}/{name}"


def collection_path(kind: ChildKind, *, namespace: str) -> str:
    """Give the path of a namespace's objects."""
    return _COLLECTIONS[kind].format(namespace=namespace)


async def found_or_none(api: KubeApi, path: str, *, accept: str = "application/json") -> Json | None:
    """Read one object, or give None where there is none; raises Unavailable."""
    try:
        return await api.get(path, accept=accept)
    except Unavailable as exc:
        if exc.reason == "NotFound":
            return None
        raise


def pool_of(metadata: Mapping[str, Any]) -> str:
    """Name the pool that a child belongs to by its labels, empty for none."""
    return str((metadata.get("labels") or {}).get(_POOL_LABEL, ""))


def serves(binding: Child, *, pool: str, namespace: str) -> bool:
    """Tell whether a binding is that of a pool of the operator in `namespace`, not of another installation."""
    wanted = {"kind": "ServiceAccount", "name": child_name(pool), "namespace": namespace}
    return binding.name == child_name(pool) and binding.document.get("subjects") == [wanted]


def _child(kind: ChildKind, raw: Json) -> Child:
    metadata = raw["metadata"]
    return Child(kind=kind, namespace=metadata.get("namespace", ""), name=metadata["name"], document=raw)
