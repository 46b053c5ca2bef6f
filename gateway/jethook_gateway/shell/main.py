"""The gateway's process: connect to NATS, serve, and end in order.

The order of shutdown: (1) nothing new is accepted; (2) requests in work end, within twenty seconds; (3) the NATS
connection is closed. What was acknowledged to a client is stored.
"""

from __future__ import annotations

import asyncio
import time

import structlog

from jethook_contract.connection import ConnectionHooks, connect_patiently, disconnect
from jethook_contract.errors import Unavailable
from jethook_contract.logs import configure_logging
from jethook_gateway.shell.app import Gateway
from jethook_gateway.shell.keys_file import KeysFile
from jethook_gateway.shell.publisher import publisher
from jethook_gateway.shell.server import listening_socket, server
from jethook_gateway.shell.settings import GatewaySettings

_log = structlog.get_logger(__name__)


async def run(settings: GatewaySettings, *, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; raises Invalid for a setting that is wrong, Unavailable when NATS is gone for good."""
    configure_logging()
    keys = KeysFile(settings.keys_file, now=time.monotonic)
    socket = listening_socket(settings.listen)
    closed = asyncio.Event()

    async def on_closed() -> None:
        closed.set()

    client = await connect_patiently(
        settings.nats, hooks=ConnectionHooks(closed=[on_closed]), stop=stop, waiting=_tell_waiting
    )
    if client is None:
        return
    gateway = Gateway(
        keys=keys,
        publish=publisher(client, seconds=settings.publish_seconds),
        connected=lambda: client.is_connected,
        body_seconds=settings.body_seconds,
    )
    serving = server(gateway.application(), settings=settings)
    host, port = socket.getsockname()[:2]
    _log.info("gateway_started", address=f"{host}:{port}", keys=len(keys()), tls=settings.tls is not None)
    work = asyncio.create_task(serving.serve(sockets=[socket]))
    ends = [asyncio.create_task(stop.wait()), asyncio.create_task(closed.wait())]
    try:
        await asyncio.wait({work, *ends}, return_when=asyncio.FIRST_COMPLETED)
        serving.should_exit = True
        await work
    finally:
        for task in ends:
            task.cancel()
        await disconnect(client)
    if closed.is_set() and not stop.is_set():
        raise Unavailable("NATSClosed", "the connection to NATS is closed for good; the process must be started anew")
    _log.info("gateway_stopped")


def _tell_waiting(exc: Unavailable) -> None:
    _log.warning("nats_not_reachable", message=exc.message)
