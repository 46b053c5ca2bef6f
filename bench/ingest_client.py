"""A load of HTTP requests over kept connections, cheap enough to leave the machine to what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

_MAX_SECONDS = 300.0
_HEAD_END = b"\r\n\r\n"


@dataclass(slots=True)
class Answers:
    """What came back: seconds of each request, and how many were no 202."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0


class _Connection(asyncio.Protocol):
    """Send the next request as soon as the last one is answered, not before it is due."""

    def __init__(
        self, requests: Iterator[tuple[float, bytes]], *, answers: Answers, done: asyncio.Future[None]
    ) -> None:
        self._requests = requests
        self._answers = answers
        self._done = done
        self._transport: asyncio.WriteTransport
        self._sent = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        if not end or len(body) < _length(head):
            return
        self._answers.seconds.append(time.perf_counter() - self._sent)
        self._answers.refused += not head.startswith(b"HTTP/1.1 202")
        self._received = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the gateway hung up"))

    def _send(self) -> None:
        due, request = next(self._requests, (0.0, b""))
        if not request:
            self._done.set_result(None)
            self._transport.close()
            return
        wait = due - time.perf_counter()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._write, due, request)
        else:
            self._write(due or time.perf_counter(), request)

    def _write(self, at: float, request: bytes) -> None:
        self._sent = at
        self._transport.write(request)


async def load(host: str, port: int, requests: Iterator[tuple[float, bytes]], *, connections: int) -> Answers:
    """Send all requests; each is (when it is due by perf_counter or 0, its bytes). Latency counts from due."""
    answers, loop = Answers(), asyncio.get_running_loop()
    ends = [loop.create_future() for _ in range(connections)]
    for end in ends:
        await loop.create_connection(lambda end=end: _Connection(requests, answers=answers, done=end), host, port)
    async with asyncio.timeout(_MAX_SECONDS):
        await asyncio.gather(*ends)
    return answers


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
