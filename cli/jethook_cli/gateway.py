"""`jethook gateway` and `jethook api-key`: events over HTTP, and the keys of those who may send them."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from jethook_cli import options
from jethook_cli.processes import run_process
from jethook_contract.connection import ConnectionSettings
from jethook_contract.errors import Invalid
from jethook_contract.monitoring import parse_address

GATEWAY_INBOX = "_INBOX_jethook_gateway"


def gateway(
    api_keys: Annotated[Path, typer.Option(help="YAML file of the API keys; `jethook api-key` writes entries for it.")],
    listen: Annotated[str, typer.Option(help="HOST:PORT to serve on; port 0 takes a free one.")] = "127.0.0.1:8080",
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file of the certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
    nats: options.NatsUrls = None,
    nats_credentials: options.NatsCredentials = None,
    standalone: options.StandaloneFolder = None,
) -> None:
    """Take events in over HTTP, from clients with an API key."""
    from jethook_gateway.shell.main import run  # starlette and uvicorn: 0.2 s
    from jethook_gateway.shell.settings import GatewaySettings

    if (tls_certificate is None) != (tls_key is None):
        raise Invalid("BadTLS", "--tls-certificate and --tls-key go together; give both or none")
    settings = GatewaySettings(
        listen=parse_address(listen, option="--listen"),
        keys_file=api_keys,
        tls=(tls_certificate, tls_key) if tls_certificate is not None and tls_key is not None else None,
        nats=ConnectionSettings(
            servers=options.nats_settings(nats, standalone, nats_credentials).servers,
            name="jethook-gateway",
            credentials_file=str(nats_credentials) if nats_credentials else None,
            inbox_prefix=GATEWAY_INBOX,
        ),
    )
    raise typer.Exit(run_process(lambda stop: run(settings, stop=stop)))


def api_key(
    name: Annotated[str, typer.Argument(help="Name of the client, for the log and the limits.")],
    namespace: Annotated[list[str], typer.Option("--namespace", "-n", help="A namespace; `*` for all. Repeat it.")],
    requests_per_second: Annotated[int, typer.Option(min=1, max=1_000_000, help="Events a second.")] = 1_000,
) -> None:
    """Make an API key.

    Prints the key on stderr, once, and the entry for the file of keys, which holds its hash alone, on stdout.
    """
    from jethook_gateway.core.keys import PREFIX, hash_of, read_keys

    key = PREFIX + secrets.token_urlsafe(24)  # 192 random bits
    entry = {
        "name": name,
        "sha256": hash_of(key),
        "namespaces": namespace,
        "requestsPerSecond": requests_per_second,
    }
    read_keys({"keys": [entry]})
    print(f"the key, which is shown only here: {key}", file=sys.stderr)
    listed = ", ".join(f'"{one}"' for one in namespace)
    print(f"- name: {name}\n  sha256: {entry['sha256']}\n  namespaces: [{listed}]")
    print(f"  requestsPerSecond: {requests_per_second}")
