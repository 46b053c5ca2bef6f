"""The Deployment of a pool: dispatchers under the restricted Pod Security Standard.

A rolling update starts a new pod before it ends an old one: shards move over while both run, so that no time is without
an owner. The grace of a pod is longer than a dispatcher's drain.
"""

from __future__ import annotations

from typing import Any

from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.api.meta import ApiModel
from jethook_operator.core.pool_settings import (
    CREDENTIALS_FIELD,
    METRICS_PORT,
    PLAN_KEY_FIELD,
    ChildSettings,
    child_name,
    credentials_of,
    labels,
    plan_key_name,
    selector,
)

DRAIN_SECONDS = 25  # of `jethook dispatcher`: what is in flight at its end is finished within this time
GRACE_SECONDS = DRAIN_SECONDS + 15  # claims and lease are released after the drain, and NATS may be slow
PROGRESS_SECONDS = 300
_PLAN_KEY_FOLDER = "/etc/jethook/plan-key"
_CREDENTIALS_FOLDER = "/etc/jethook/nats"
_TLS_FOLDER = "/etc/jethook/nats-tls"
_READABLE = 0o444


def deployment_spec(pool: DispatcherPool, *, settings: ChildSettings, replicas: int) -> dict[str, Any]:
    """Write the Deployment's spec."""
    name, template = pool.metadata.name, pool.spec.template
    annotations = {"annotations": dict(template.annotations)} if template.annotations else {}
    return {
        "replicas": replicas,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": PROGRESS_SECONDS,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "selector": {"matchLabels": selector(name)},
        "template": {
            "metadata": {"labels": {**template.labels, **labels(name)}, **annotations},
            "spec": _pod(pool, settings=settings),
        },
    }


def _pod(pool: DispatcherPool, *, settings: ChildSettings) -> dict[str, Any]:
    return {
        "serviceAccountName": child_name(pool.metadata.name),
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(pool, settings=settings)],
        "volumes": _volumes(pool, settings=settings),
        "topologySpreadConstraints": [_spread(pool.metadata.name)],
        **_pull_secrets(settings),
        **_placement(pool),
    }


def _container(pool: DispatcherPool, *, settings: ChildSettings) -> dict[str, Any]:
    return {
        "name": "dispatcher",
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "args": _arguments(pool, settings=settings),
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        "livenessProbe": _probe("/livez", period_seconds=10, failures=6),
        "readinessProbe": _probe("/readyz", period_seconds=5, failures=2),
        "resources": _plain(pool.spec.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": _mounts(pool, settings=settings),
    }


def _arguments(pool: DispatcherPool, *, settings: ChildSettings) -> list[str]:
    # No --member: unless told, a dispatcher takes the pod's name and a random part. The bare name would come back when
    # a container is restarted in its pod, and would have to wait until its former lease has lapsed.
    credentials = credentials_of(pool, settings=settings)
    user = [f"--nats-credentials={_CREDENTIALS_FOLDER}/{CREDENTIALS_FIELD}"] if credentials else []
    return [
        "dispatcher",
        f"--pool={pool.metadata.name}",
        f"--plan-key={_PLAN_KEY_FOLDER}/{PLAN_KEY_FIELD}",
        *[f"--nats={url}" for url in settings.nats_urls],
        *user,
        *([f"--nats-tls={_TLS_FOLDER}"] if settings.nats_tls else []),
        "--kubernetes",
        f"--metrics=:{METRICS_PORT}",
        f"--drain-seconds={DRAIN_SECONDS}",
    ]


def _probe(path: str, *, period_seconds: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "metrics"},
        "periodSeconds": period_seconds,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _mounts(pool: DispatcherPool, *, settings: ChildSettings) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 -- the pod's own, empty volume
        {"name": "plan-key", "mountPath": _PLAN_KEY_FOLDER, "readOnly": True},
    ]
    if credentials_of(pool, settings=settings):
        mounts.append({"name": "nats", "mountPath": _CREDENTIALS_FOLDER, "readOnly": True})
    if settings.nats_tls:
        mounts.append({"name": "nats-tls", "mountPath": _TLS_FOLDER, "readOnly": True})
    return mounts


def _volumes(pool: DispatcherPool, *, settings: ChildSettings) -> list[dict[str, Any]]:
    # Whole Secrets, no single files of them: only so does a mounted file follow its Secret.
    key = {"secretName": plan_key_name(pool.metadata.name), "defaultMode": _READABLE}
    volumes: list[dict[str, Any]] = [
        {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}},
        {"name": "plan-key", "secret": key},
    ]
    if credentials := credentials_of(pool, settings=settings):
        volumes.append({"name": "nats", "secret": {"secretName": credentials, "defaultMode": _READABLE}})
    if settings.nats_tls:
        volumes.append({"name": "nats-tls", "secret": {"secretName": settings.nats_tls, "defaultMode": _READABLE}})
    return volumes


def _spread(pool: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(pool)},
    }


def _pull_secrets(settings: ChildSettings) -> dict[str, Any]:
    names = settings.image_pull_secrets
    return {"imagePullSecrets": [{"name": name} for name in names]} if names else {}


def _placement(pool: DispatcherPool) -> dict[str, Any]:
    template = pool.spec.template
    placed = {
        "nodeSelector": dict(template.node_selector),
        "tolerations": [_plain(one, exclude_defaults=True) for one in template.tolerations],
        "affinity": None if template.affinity is None else _plain(template.affinity, exclude_defaults=True),
        "priorityClassName": template.priority_class_name,
    }
    return {name: value for name, value in placed.items() if value}


def _plain(model: ApiModel, *, exclude_defaults: bool = False) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=exclude_defaults)
