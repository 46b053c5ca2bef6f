"""The settings of the operator's process: read once from the command line, passed down."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jethook_contract.connection import ConnectionSettings
from jethook_operator.core.pool_settings import ChildSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """All that one operator process needs to know.

    `provider`: where objects come from. `files_dir`: the watched folder, needed by provider `files`. `install_id`:
    marks what this installation owns in NATS. `namespace`: the operator's own; DispatcherPools count only there.
    `plan_keys_dir`: holds one file a pool, named as the pool, with Fernet keys, one a line; None is for `dispatchers`,
    whose keys are Secrets. `orphan_grace_seconds`: how long a consumer outlives its object. `events_max_bytes`: room
    that an events stream reserves; None takes the product's default. `orphan_hold_percent`: the removal of what is left
    of gone objects holds when it would take more than this share of more than ten things at once; 100 never holds.
    `stream_replicas`: of every stream and bucket, 1, 3 or 5. `kubeconfig` and `context`: None means the Pod's own
    account, or else the usual kubeconfig. `resync_seconds`: every object is looked at again that often. `workers`:
    reconciles at once. `metrics`: host and port of `/metrics`, `/livez` and `/readyz`, None for none of them.
    `leader_elect`: work only while this process holds the Lease `jethook-operator` of `namespace`; needs provider
    `kubernetes`. `dispatchers`: what the pools' Deployments are made of, None where others start dispatchers; needs
    provider `kubernetes` too.
    """

    install_id: str
    plan_keys_dir: Path | None = None
    provider: Literal["kubernetes", "files"] = "kubernetes"
    files_dir: Path | None = None
    nats: ConnectionSettings = field(
        default_factory=lambda: ConnectionSettings(name="jethook-operator", inbox_prefix="_INBOX_jethook_operator")
    )
    namespace: str = "jethook-system"
    orphan_grace_seconds: float = 86_400.0
    events_max_bytes: int | None = None
    orphan_hold_percent: int = 20
    stream_replicas: int = 1
    kubeconfig: Path | None = None
    context: str | None = None
    resync_seconds: float = 600.0
    workers: int = 8
    metrics: tuple[str, int] | None = None
    dispatchers: ChildSettings | None = None
    leader_elect: bool = False
