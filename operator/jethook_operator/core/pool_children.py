"""The child objects of a DispatcherPool, as documents for server-side apply.

A document holds only what Jethook decides on: what it leaves out belongs to the API server or to others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jethook_operator.api.dispatcherpool import ALL_NAMESPACES, DispatcherPool
from jethook_operator.api.meta import API_VERSION
from jethook_operator.core.pool_deployment import deployment_spec
from jethook_operator.core.pool_network import network_policy_spec
from jethook_operator.core.pool_settings import ChildSettings, child_name, labels, selector

ChildKind = Literal[
    "ServiceAccount",
    "NetworkPolicy",
    "ClusterRoleBinding",
    "RoleBinding",
    "PodDisruptionBudget",
    "Deployment",
]
_API_VERSIONS: Mapping[ChildKind, str] = {
    "ServiceAccount": "v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "Deployment": "apps/v1",
}
_RBAC_GROUP = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One object that shall be; `namespace` is empty for one of the cluster."""

    kind: ChildKind
    namespace: str
    name: str
    document: Mapping[str, Any]


def children(pool: DispatcherPool, *, settings: ChildSettings, replicas: int) -> tuple[Child, ...]:
    """List what shall be in the operator's namespace, in the order in which it is needed."""
    bodies: Mapping[ChildKind, Mapping[str, Any]] = {
        "ServiceAccount": {},
        "NetworkPolicy": {"spec": network_policy_spec(pool, settings=settings)},
        "PodDisruptionBudget": {"spec": _budget(pool.metadata.name)},
        "Deployment": {"spec": deployment_spec(pool, settings=settings, replicas=replicas)},
    }
    return tuple(_child(kind, pool=pool, settings=settings, body=body) for kind, body in bodies.items())


def bindings(pool: DispatcherPool, *, settings: ChildSettings) -> tuple[Child, ...]:
    """List the bindings that shall be: one for the cluster, or one in each allowed namespace.

    No owner can be named for them, being of another namespace or of none: the operator removes them.
    """
    if ALL_NAMESPACES in pool.spec.allowed_namespaces:
        return (_binding("ClusterRoleBinding", "", pool=pool, settings=settings),)
    namespaces = sorted(pool.spec.allowed_namespaces)
    return tuple(_binding("RoleBinding", one, pool=pool, settings=settings) for one in namespaces)


def owner_reference(pool: DispatcherPool) -> dict[str, Any]:
    """Name the pool as the owner of a child, so that the child goes with it."""
    metadata = pool.metadata
    return {
        "apiVersion": API_VERSION,
        "kind": "DispatcherPool",
        "name": metadata.name,
        "uid": metadata.uid,
        "controller": True,
    }


def _budget(pool: str) -> dict[str, Any]:
    return {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",  # a pod that does not run must not hold up a drain
        "selector": {"matchLabels": selector(pool)},
    }


def _child(kind: ChildKind, *, pool: DispatcherPool, settings: ChildSettings, body: Mapping[str, Any]) -> Child:
    name = child_name(pool.metadata.name)
    metadata = {
        "name": name,
        "namespace": settings.namespace,
        "labels": labels(pool.metadata.name),
        "ownerReferences": [owner_reference(pool)],
    }
    document = {"apiVersion": _API_VERSIONS[kind], "kind": kind, "metadata": metadata, **body}
    return Child(kind=kind, namespace=settings.namespace, name=name, document=document)


def _binding(
    kind: Literal["ClusterRoleBinding", "RoleBinding"], namespace: str, *, pool: DispatcherPool, settings: ChildSettings
) -> Child:
    name = child_name(pool.metadata.name)
    where = {"namespace": namespace} if namespace else {}
    document = {
        "apiVersion": _API_VERSIONS[kind],
        "kind": kind,
        "metadata": {"name": name, **where, "labels": labels(pool.metadata.name)},
        "roleRef": {"apiGroup": _RBAC_GROUP, "kind": "ClusterRole", "name": settings.cluster_role},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": settings.namespace}],
    }
    return Child(kind=kind, namespace=namespace, name=name, document=document)
