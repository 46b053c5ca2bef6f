"""What the pools' child objects are made of, beside the pools themselves."""

from __future__ import annotations

from dataclasses import dataclass

from jethook_operator.api.dispatcherpool import DispatcherPool

COMPONENT = "jethook-dispatcher"
MANAGED_BY = "jethook-operator"
PLAN_KEY_FIELD = "plan-key"
CREDENTIALS_FIELD = "user.creds"
METRICS_PORT = 8080


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSettings:
    """How the operator's own namespace, NATS and image are called for all pools.

    `namespace`: the operator's. `nats_urls`: where the pods find NATS, without user information. `nats_credentials`:
    name of the Secret with the NATS user of pools that name none, None for no credentials. `nats_tls`: name of the
    Secret with authorities and client certificate for NATS, None for the system's authorities. `cluster_role`: what
    each pool's ServiceAccount is bound to. `image_pull_secrets`: names of Secrets in the operator's namespace.
    """

    namespace: str
    image: str
    nats_urls: tuple[str, ...]
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    nats_credentials: str | None = None
    nats_tls: str | None = None
    cluster_role: str = COMPONENT


def child_name(pool: str) -> str:
    """Name every child object of a pool."""
    return f"{COMPONENT}-{pool}"


def plan_key_name(pool: str) -> str:
    """Name the Secret with a pool's plan key."""
    return f"jethook-plan-key-{pool}"


def selector(pool: str) -> dict[str, str]:
    """Give the labels that tell a pool's pods from all others; they never change."""
    return {"app.kubernetes.io/name": COMPONENT, "app.kubernetes.io/instance": pool}


def selector_text(pool: str) -> str:
    """Spell the selector as the API takes it in a query."""
    return ",".join(f"{name}={value}" for name, value in selector(pool).items())


def labels(pool: str) -> dict[str, str]:
    """Give the labels that each child object and each pod carries."""
    return {
        **selector(pool),
        "app.kubernetes.io/managed-by": MANAGED_BY,
        "app.kubernetes.io/part-of": "jethook",
    }


def credentials_of(pool: DispatcherPool, *, settings: ChildSettings) -> str | None:
    """Name the Secret with the NATS user of a pool, None for none."""
    ref = pool.spec.nats_credentials_ref
    return settings.nats_credentials if ref is None else ref.name
