"""Options that several commands share: where NATS is, which namespace, which form of output."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jethook_contract.connection import ConnectionSettings
from jethook_contract.errors import Invalid
from jethook_contract.nats_permissions import ADMIN_INBOX

STATE_FOLDER = ".jethook"
STATE_FILE = "standalone.json"

NatsUrls = Annotated[
    list[str] | None,
    typer.Option("--nats", envvar="JETHOOK_NATS_URL", help="NATS server URL; repeat it for a cluster."),
]
NatsCredentials = Annotated[
    Path | None, typer.Option("--nats-credentials", envvar="JETHOOK_NATS_CREDENTIALS", help="A NATS .creds file.")
]
NatsTls = Annotated[
    Path | None,
    typer.Option(
        "--nats-tls",
        envvar="JETHOOK_NATS_TLS",
        help="Folder with ca.crt, and tls.crt with tls.key for a server that asks for a certificate; for tls:// URLs.",
    ),
]
StandaloneFolder = Annotated[
    Path | None,
    typer.Option("--standalone", envvar="JETHOOK_STANDALONE", help="The folder that `jethook standalone` runs on."),
]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace; that of the kubeconfig's context, or `default`.")
]
Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", envvar="KUBECONFIG", help="Path of a kubeconfig file.")
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]


class Output(StrEnum):
    """The forms of output, as in kubectl."""

    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


def nats_settings(urls: list[str] | None, standalone: Path | None, credentials: Path | None) -> ConnectionSettings:
    """Say how to reach NATS from what was given, or raise Invalid `NoNATS`.

    A NATS user that may listen to one inbox only has its prefix in the environment, `JETHOOK_NATS_INBOX_PREFIX`; so is
    the folder of certificates, `JETHOOK_NATS_TLS`.
    """
    if urls:
        servers = tuple(part for url in urls for part in url.split(",") if part)
    elif standalone is not None:
        servers = (standalone_nats_url(standalone),)
    else:
        raise Invalid("NoNATS", "where is NATS? give --nats URL, or --standalone FOLDER of a running installation")
    return ConnectionSettings(
        servers=servers,
        name="jethook-cli",
        credentials_file=str(credentials) if credentials else None,
        tls_folder=os.environ.get("JETHOOK_NATS_TLS") or None,
        inbox_prefix=os.environ.get("JETHOOK_NATS_INBOX_PREFIX") or ADMIN_INBOX,
    )


def standalone_nats_url(folder: Path) -> str:
    """Read the NATS URL of a running standalone installation, or raise Invalid `NotRunning`."""
    path = folder / STATE_FOLDER / STATE_FILE
    try:
        return str(json.loads(path.read_text())["nats_url"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise Invalid(
            "NotRunning", f"no standalone installation runs on {folder}: start one with `jethook standalone {folder}`"
        ) from exc
