"""Serve `/metrics`, `/livez` and `/readyz` of a process over plain HTTP.

The standard library's streams, and no HTTP framework: three GETs without a body do not need one, and what every process
shares must not bring one. It runs in the event loop that does the work, so that an answer proves that the loop lives.
A request is bounded in size, time and number; the connection ends with the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import structlog

from jethook_contract.errors import Invalid

Address = tuple[str, int]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # the text format that every Prometheus reads
MAX_HEAD_BYTES = 16 * 1024
MAX_CONNECTIONS = 32
CHUNK_BYTES = 64 * 1024
REQUEST_SECONDS = 10.0
_MAX_PORT = 65_535

_log = structlog.get_logger(__name__)


class Shown(Protocol):
    """What a process shows."""

    async def metrics(self) -> Sequence[bytes]:
        """Write all metrics in Prometheus's text format, in pieces of any size."""

    def alive(self) -> str:
        """Say why the process had better be started anew; empty: it is well."""

    def ready(self) -> str:
        """Say what the process still lacks for its work; empty: nothing."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer, with its status and further header lines."""

    status: HTTPStatus
    body: Sequence[bytes]
    headers: tuple[str, ...] = ()


def parse_address(text: str, *, option: str = "--metrics") -> Address:
    """Read `HOST:PORT`, or raise Invalid `BadAddress`; `[::1]:9464` for IPv6, an empty host for every interface."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > _MAX_PORT:
        raise Invalid("BadAddress", f"{option}: {text!r} is no HOST:PORT; give for example 127.0.0.1:9464")
    if (":" in host) != (host.startswith("[") and host.endswith("]")):
        raise Invalid(
            "BadAddress", f"{option}: {text!r} is no HOST:PORT; write an IPv6 address in brackets, as [::1]:9464"
        )
    return host.strip("[]"), int(port)


@contextlib.asynccontextmanager
async def serve(address: Address, *, shown: Shown, request_seconds: float = REQUEST_SECONDS) -> AsyncIterator[Address]:
    """Serve while the block runs; give where (port 0 takes a free one). Raises Invalid when it cannot listen there.

    `request_seconds`: bound on one request, from the first byte of it to the last of the answer.
    """
    pages = _Pages(shown, request_seconds=request_seconds)
    host, port = address
    try:
        server = await asyncio.start_server(pages.connected, host or None, port, limit=MAX_HEAD_BYTES)
    except OSError as exc:
        raise _no_address(address, exc) from exc
    at: Address = server.sockets[0].getsockname()[:2]
    _log.info("monitoring_started", host=at[0], port=at[1])
    try:
        yield at
    finally:
        server.close()
        await pages.close()
        await server.wait_closed()


class _Pages:
    """Answer the connections of one server."""

    def __init__(self, shown: Shown, *, request_seconds: float) -> None:
        self._shown = shown
        self._request_seconds = request_seconds
        self._open: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a connection in a task of its own; one too many is closed without a word."""
        if len(self._open) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._answer(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def close(self) -> None:
        """Break off what is open."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._request_seconds):
                method, answer = await self._judged(await _head(reader))
                writer.write(_head_of(answer))
                for chunk in _chunks(answer.body if method != "HEAD" else ()):
                    writer.write(chunk)
                    await writer.drain()
                    await asyncio.sleep(0)  # megabytes go out in turn with the work of the process
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone, or is too slow to be waited for
        except Exception:  # noqa: BLE001 -- the top of a task: a page that cannot be made must not end the process
            _log.exception("monitoring_failed")
        finally:
            writer.transport.abort()

    async def _judged(self, head: bytes) -> tuple[str, _Answer]:
        """Give the method and the answer to a request's head, which is empty when it was too large."""
        if not head:
            return "", _refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too large")
        words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 -- method, target, version
            return "", _refusal(HTTPStatus.BAD_REQUEST, "no HTTP/1.1 request")
        method, path = words[0], words[1].partition("?")[0]
        if path not in {"/metrics", "/livez", "/readyz"}:
            return method, _refusal(HTTPStatus.NOT_FOUND, "there is /metrics, /livez and /readyz")
        if method not in {"GET", "HEAD"}:
            return method, _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "GET or HEAD", "Allow: GET, HEAD")
        if path == "/metrics":
            return method, _Answer(HTTPStatus.OK, await self._shown.metrics())
        return method, _verdict(self._shown.alive() if path == "/livez" else self._shown.ready())


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        return b""


def _verdict(lacks: str) -> _Answer:
    return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, lacks) if lacks else _Answer(HTTPStatus.OK, (b"ok\n",))


def _refusal(status: HTTPStatus, why: str, *headers: str) -> _Answer:
    return _Answer(status, (f"{why}\n".encode(),), headers)


def _head_of(answer: _Answer) -> bytes:
    lines = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        f"Content-Type: {CONTENT_TYPE}",
        f"Content-Length: {sum(map(len, answer.body))}",
        *answer.headers,
        "Connection: close",
        "\r\n",
    )
    return "\r\n".join(lines).encode()


def _chunks(pieces: Sequence[bytes]) -> Iterator[bytes]:
    """Put small pieces together: a system call for each would cost more than the writing."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _no_address(address: Address, error: OSError) -> Invalid:
    where = f"{address[0]}:{address[1]}"
    if error.errno == errno.EADDRINUSE:
        return Invalid("AddressInUse", f"--metrics {where}: another process listens there; choose another port")
    what = error.strerror or type(error).__name__
    return Invalid("BadAddress", f"--metrics {where}: cannot listen there ({what}); give an address of this machine")
