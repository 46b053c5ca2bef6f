"""`jethook receiver`: a test endpoint that verifies signatures and prints what comes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from jethook_cli.receiver_server import ReceiverServer, ReceiverSettings
from jethook_contract.errors import Unavailable


def receiver(
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    secret: Annotated[
        list[str] | None,
        typer.Option(envvar="JETHOOK_RECEIVER_SECRET", help="Signing key, whsec_...; repeat it during a rotation."),
    ] = None,
    status: Annotated[int, typer.Option(min=200, max=599, help="Status of each answer.")] = 200,
    fail_first: Annotated[int, typer.Option(min=0, help="Answer 500 to the first N attempts of each event.")] = 0,
    record: Annotated[Path | None, typer.Option(help="Append one JSON line for each request to this file.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing for each request.")] = False,
) -> None:
    """Listen for deliveries, verify them, and print each one."""
    settings = ReceiverSettings(
        host=host,
        port=port,
        keys=tuple(SecretStr(text) for text in secret or ()),
        status=status,
        fail_first=fail_first,
        record=record,
        quiet=quiet,
    )
    asyncio.run(_serve(settings))


async def _serve(settings: ReceiverSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = ReceiverServer(settings)
    try:
        port = await server.start()
    except OSError as exc:
        raise Unavailable(
            "PortInUse", f"cannot listen on {settings.host}:{settings.port}: {exc.strerror}; choose another --port"
        ) from exc
    print(f"listening on http://{settings.host}:{port}", file=sys.stderr, flush=True)
    with contextlib.suppress(asyncio.CancelledError):
        await stop.wait()
    await server.stop()
    print(server.summary(), file=sys.stderr)
