"""Who may use a pool."""

from __future__ import annotations

from jethook_contract import names
from jethook_contract.errors import Invalid, Waiting
from jethook_operator.api.dispatcherpool import ALL_NAMESPACES, DispatcherPool
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.resources import Broken


def allows(pool: DispatcherPool, *, namespace: str) -> bool:
    """Tell whether endpoints of a namespace may choose the pool."""
    allowed = pool.spec.allowed_namespaces
    return ALL_NAMESPACES in allowed or namespace in allowed


def check_pool(endpoint: WebhookEndpoint, *, pool: DispatcherPool | Broken | None) -> str:
    """Name the pool of an endpoint, or raise Waiting PoolNotFound or Invalid PoolNotAllowed.

    The pool `default` needs no object, and is then open to all. Of a pool that cannot be read nobody knows whom it
    allows: what is in place stays.
    """
    name: str = endpoint.spec.pool_ref.name
    if pool is None and name != names.DEFAULT_POOL:
        text = f'spec.poolRef: DispatcherPool "{name}" does not exist; use an existing one or have it created'
        raise Waiting("PoolNotFound", text)
    if isinstance(pool, DispatcherPool) and not allows(pool, namespace=endpoint.metadata.namespace):
        text = (
            f'spec.poolRef: DispatcherPool "{name}" is not open to this namespace; use another one, or have the'
            " namespace added to its allowedNamespaces"
        )
        raise Invalid("PoolNotAllowed", text)
    return name


def same_terms(one: DispatcherPool | Broken | None, other: DispatcherPool | Broken | None) -> bool:
    """Tell whether two versions of a pool are the same to its endpoints: what else it says concerns the pool alone."""
    if not isinstance(one, DispatcherPool) or not isinstance(other, DispatcherPool):
        return False
    return one.metadata.uid == other.metadata.uid and _terms(one) == _terms(other)


def _terms(pool: DispatcherPool) -> frozenset[str]:
    return frozenset(pool.spec.allowed_namespaces)
