"""`jethook standalone FOLDER`: everything in one command, from YAML files in a folder."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from jethook_cli import options
from jethook_cli.supervisor import Supervisor, SupervisorSettings
from jethook_contract.errors import Invalid


def standalone(
    folder: Annotated[Path, typer.Argument(help="Folder of YAML: endpoints, subscriptions, pools, Secrets.")],
    nats: options.NatsUrls = None,
    nats_credentials: options.NatsCredentials = None,
    nats_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the embedded NATS; 0 takes a free one.")
    ] = 0,
    state: Annotated[
        Path | None, typer.Option(help="Where NATS keeps its data and the plan key lies; FOLDER/.jethook unless told.")
    ] = None,
    dispatchers: Annotated[int, typer.Option(min=1, max=16, help="How many dispatcher processes.")] = 1,
    events_max_bytes: Annotated[
        int | None,
        typer.Option(
            min=1024**2,
            max=1024**4,
            help="Bytes on disk that each namespace's events reserve; 512 MiB unless told.",
        ),
    ] = None,
) -> None:
    """Run operator, dispatchers and an embedded NATS on a folder of YAML; Ctrl-C stops it all."""
    if not folder.is_dir():
        raise Invalid("NoFolder", f"{folder} is no folder; make it and put your YAML there (see examples/quickstart)")
    settings = SupervisorSettings(
        folder=folder,
        state=state or folder / options.STATE_FOLDER,
        nats_urls=tuple(nats or ()),
        nats_credentials=nats_credentials,
        nats_port=nats_port,
        dispatchers=dispatchers,
        events_max_bytes=events_max_bytes,
    )
    raise typer.Exit(asyncio.run(_run(settings)))


async def _run(settings: SupervisorSettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    failed = await Supervisor(settings).run(stop)
    if failed:
        print(f"jethook: {failed} ended by itself, so everything was stopped; its last lines above say why",
              file=sys.stderr)  # fmt: skip
    return 1 if failed else 0
