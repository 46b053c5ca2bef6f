"""The settings of the gateway's process: read once from the command line, passed down."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from jethook_contract.connection import ConnectionSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """What one gateway process runs with.

    `listen`: host and port, 0 for a free one. `keys_file`: YAML of the API keys, read anew when it changes. `tls`: the
    files of certificate chain and key, None for plain HTTP. `body_seconds`: how long a request may take to arrive, head
    and body each. `publish_seconds`: how long NATS may take to acknowledge. `max_connections`: at a time; more are
    answered 503.
    """

    listen: tuple[str, int]
    keys_file: Path
    nats: ConnectionSettings = field(
        default_factory=lambda: ConnectionSettings(name="jethook-gateway", inbox_prefix="_INBOX_jethook_gateway")
    )
    tls: tuple[Path, Path] | None = None
    body_seconds: float = 10.0
    publish_seconds: float = 1.8
    max_connections: int = 1_000
