"""Open a connection to NATS: the only place that does.

Reconnection never gives up; a connection that nats-py closes for good ends the process through `on_closed`, since a
process that can no longer hear of its work must be restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.nats_tls import tls_context

Hook = Callable[[], Awaitable[None]]
_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """Say where NATS is and how to log in.

    `servers`: NATS URLs; a token or password in them is never shown. `credentials_file`: path of a NATS `.creds`
    file, None for none. `tls_folder`: authorities and client certificate, see `nats_tls`; None for the system's
    authorities. `connect_timeout_seconds`: for the first connection. `inbox_prefix`: subject prefix of replies; each
    process has its own, so that permissions can tell them apart.
    """

    servers: tuple[str, ...] = ("nats://127.0.0.1:4222",)
    credentials_file: str | None = None
    tls_folder: str | None = None
    connect_timeout_seconds: int = 5
    inbox_prefix: str = "_INBOX"
    name: str = "jethook"


@dataclass(slots=True, kw_only=True)
class ConnectionHooks:
    """Collect what a process wants to be told about its connection.

    Each list runs in the order in which it was added to. `disconnected`: the connection was lost, and is sought again.
    `reconnected`: it is back; watches are made anew here. `closed`: it is gone for good.
    """

    reconnected: list[Hook] = field(default_factory=list)
    disconnected: list[Hook] = field(default_factory=list)
    closed: list[Hook] = field(default_factory=list)


class _Client(Client):
    """Mend four faults of nats-py 2.16.

    It ends its read loop for good at a message whose header block is malformed; here that message has no headers. And a
    cancellation that meets the answer to a request is lost, since `wait_for` of Python 3.11 gives the answer instead:
    a task that was told to end would go on, and a process never end. It reads certificates once, so that a renewed one
    never counts; and it goes on in the clear, credentials included, where a `tls://` server says that it has no TLS.
    """

    def __init__(self, tls_folder: Path | None) -> None:
        super().__init__()
        self._tls_folder = tls_folder

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """Give the context of the next handshake, from the files as they are now."""
        try:
            return tls_context(self._tls_folder)
        except Invalid as exc:  # nats-py tries again after its own errors only
            raise nats.errors.Error(exc.message) from exc

    async def request(self, *args: Any, **options: Any) -> Msg:
        """Ask and wait for the answer, as nats-py does."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        try:
            answer = await super().request(*args, **options)
        except Exception as exc:
            if task is not None and task.cancelling() > before:
                raise asyncio.CancelledError from exc
            raise
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError
        return answer

    def _connect_command(self) -> bytes:
        server = self._current_server
        if server is not None and server.uri.scheme == "tls" and not self._server_info.get("tls_required"):
            raise nats.errors.Error("the URL asks for TLS (tls://), and the server does not offer it")
        return super()._connect_command()

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except (IndexError, ValueError):
            return None


async def connect(settings: ConnectionSettings, *, hooks: ConnectionHooks) -> Client:
    """Connect; raises Unavailable when no server answers in time, Invalid `BadNATSTLS` for files that are no TLS."""
    tls_folder = Path(settings.tls_folder) if settings.tls_folder else None
    if tls_folder is not None:
        tls_context(tls_folder)  # what cannot be read now needs somebody, and no patience
    last_error: list[str] = []
    opened = False

    async def on_closed() -> None:
        if opened:
            await _all_of(hooks.closed)()

    async def on_disconnected() -> None:
        if not (client.is_closed or client.is_draining):  # nats-py calls it at an orderly end too
            await _all_of(hooks.disconnected)()

    async def on_error(error: Exception) -> None:
        last_error[:] = [str(error) or type(error).__name__]

    client = _Client(tls_folder)
    try:
        # nats-py would go on for ever with the first connection, as it does with later ones.
        async with asyncio.timeout(settings.connect_timeout_seconds):
            await client.connect(
                servers=list(settings.servers),
                name=settings.name,
                connect_timeout=settings.connect_timeout_seconds,
                allow_reconnect=True,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.25,  # type: ignore[arg-type]  # a float works, the annotation is narrow
                ping_interval=5,
                max_outstanding_pings=2,
                pending_size=8 * 1024 * 1024,
                user_credentials=settings.credentials_file,
                inbox_prefix=settings.inbox_prefix.encode(),
                error_cb=on_error,
                reconnected_cb=_all_of(hooks.reconnected),
                disconnected_cb=on_disconnected,
                closed_cb=on_closed,
            )
    except (TimeoutError, OSError, nats.errors.Error) as exc:
        await client.close()
        detail = last_error[0] if last_error else str(exc) or "no answer in time"
        where = ", ".join(server.rpartition("@")[2] for server in settings.servers)
        raise Unavailable("NATSUnreachable", f"no NATS server accepts us at {where}: {detail}") from exc
    opened = True
    return client


async def connect_patiently(
    settings: ConnectionSettings, *, hooks: ConnectionHooks, stop: asyncio.Event, waiting: Callable[[Unavailable], None]
) -> Client | None:
    """Connect, and try again every two seconds until `stop` is set (then None); `waiting` hears of each failure."""
    while not stop.is_set():
        try:
            return await connect(settings, hooks=hooks)
        except Unavailable as exc:
            waiting(exc)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RETRY_SECONDS):
                await stop.wait()
    return None


async def disconnect(client: Client) -> None:
    """Close a connection in whatever state it is.

    nats-py writes what is pending also into a connection that is lost, and raises what the event loop makes of that.
    """
    with contextlib.suppress(OSError, RuntimeError, nats.errors.Error):  # RuntimeError: uvloop's
        await client.close()


def _all_of(hooks: list[Hook]) -> Hook:
    async def run() -> None:
        for hook in hooks:
            await hook()

    return run
