"""Cut the bytes of a connection into HTTP/1.1 requests, at little cost: a receiver must not be the bottleneck."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class RequestReader:
    """Keep what has come of one connection; a body has the length that its head says, there is no chunked one."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Give head (request line and headers, without the empty line) and body of each request that is complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[: end + 2])
            length = _LENGTH.search(head)
            total = end + 4 + (int(length.group(1)) if length else 0)
            if len(self._buffer) < total:
                return
            body = bytes(self._buffer[end + 4 : total])
            del self._buffer[:total]
            yield head, body


def path_of(head: bytes) -> str:
    """Give the path of a request line, query included."""
    return head[: head.find(b"\r")].split(b" ")[1].decode()
