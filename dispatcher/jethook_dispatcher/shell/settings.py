"""Settings of the dispatcher process: one frozen tree, read once by the command line and passed down."""

from __future__ import annotations

import re
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from jethook_contract.connection import ConnectionSettings
from jethook_contract.names import DEFAULT_POOL
from jethook_dispatcher.core.ownership_state import Timings

_NO_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


def default_member() -> str:
    """Name this process: host name and a random part, as one NATS token; a name used again would have to wait."""
    return _NO_TOKEN.sub("-", f"{socket.gethostname()}-{secrets.token_hex(3)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherSettings:
    """What one dispatcher process runs with.

    `plan_keys_file`: the pool's Fernet keys, one a line. `member`: unique in the pool. `kubernetes`: write status onto
    the resources too, by a named `kubeconfig` or `context`, else as the Pod's own account, else by the usual
    kubeconfig. `protected`: host and port of what no delivery may reach beside NATS, the API server above all.
    `drain_seconds`: how long a graceful end may take. `prefetch_bytes`: above it nothing more is asked for; at most
    twice as much is held. `timings`: of leases and claims. `tracing`: export a span of each attempt, as the standard
    `OTEL_` variables say. `metrics`: host and port of `/metrics`, `/livez` and `/readyz`, None for none of them;
    `metrics_endpoints`: so many endpoints have series of their own.
    """

    plan_keys_file: Path
    nats: ConnectionSettings = field(default_factory=ConnectionSettings)
    pool: str = DEFAULT_POOL
    member: str = field(default_factory=default_member)
    kubernetes: bool = False
    kubeconfig: Path | None = None
    context: str | None = None
    protected: tuple[tuple[str, int], ...] = ()
    drain_seconds: float = 25.0
    prefetch_bytes: int = 64 * 1024 * 1024
    backlog_poll_seconds: float = 5.0
    timings: Timings = field(default_factory=Timings)
    tracing: bool = False
    metrics: tuple[str, int] | None = None
    metrics_endpoints: int = 1_000
