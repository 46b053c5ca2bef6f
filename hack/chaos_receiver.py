"""The endpoints of a chaos run, in a process of their own: `python -m hack.chaos_receiver SEED RECORDS`.

It prints its port. What each path does is in `chaos_kinds.py`. Every request becomes a line of JSON in the file
RECORDS as soon as it ends: `s` Subscription, `i` event ids, `a` and `e` monotonic times of arrival and end, `t` status,
0 when the connection went before the answer. `GET /state` writes the file out and gives `{"open", "count"}`.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import sys
import time
from pathlib import Path
from typing import IO, cast

from bench.reader import RequestReader, path_of
from hack.chaos_faults import dice
from hack.chaos_kinds import KINDS, Fault, Kind

_SUBSCRIPTION = re.compile(rb"\r\njethook-subscription: *([^\r]+)", re.IGNORECASE)
_ID = re.compile(rb'"id": ?"(e(\d+))"')
_ANSWERS = {
    200: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    500: b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
}
_HANG_SECONDS = 40.0
_LATE_SECONDS = 1.0
_DRIP_SECONDS = 1.0


class Records:
    """The file, what is open, and the dice."""

    def __init__(self, file: IO[str], *, seed: str) -> None:
        self._file = file
        self.open = 0
        self.count = 0
        self.dice = {kind.name: dice(f"{seed}/{kind.name}") for kind in KINDS}

    def add(self, request: Request, *, status: int) -> None:
        """Write how a request ended."""
        self.open -= 1
        self.count += 1
        line = {
            "s": request.subscription,
            "i": request.ids,
            "a": request.arrived,
            "e": time.monotonic(),
            "t": status,
        }
        self._file.write(json.dumps(line) + "\n")

    def state(self) -> dict[str, int]:
        """Write the file out, and give the numbers."""
        self._file.flush()
        return {"open": self.open, "count": self.count}


class Request:
    """One delivery that has come in."""

    __slots__ = ("arrived", "ids", "numbers", "subscription")

    def __init__(self, head: bytes, body: bytes) -> None:
        self.arrived = time.monotonic()
        named = _SUBSCRIPTION.search(head)
        self.subscription = named.group(1).decode().strip() if named else ""
        found = _ID.findall(body)
        self.ids = [event_id.decode() for event_id, _ in found]
        self.numbers = [int(number) for _, number in found]


class Connection(asyncio.Protocol):
    """Treat one request after the other as its path says."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._reader = RequestReader()
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the protocol's signature
        """Write down that a request got no answer."""
        self._transport = None
        self._ended(0)

    def data_received(self, data: bytes) -> None:
        """Begin what is complete."""
        for head, body in self._reader.feed(data):
            kind = _BY_PATH.get(path_of(head))
            if kind is not None and head.startswith(b"POST"):
                self._request = Request(head, body)
                self._records.open += 1
                self._begin(kind, self._request)
            else:
                told = json.dumps(self._records.state()).encode()
                self._write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))

    def _begin(self, kind: Kind, request: Request) -> None:
        loop = asyncio.get_running_loop()
        match self._fault(kind, request):
            case "none":
                loop.call_later(kind.behaviour.delay_seconds, self._answer, request, 200)
            case "error":
                loop.call_later(kind.behaviour.delay_seconds, self._answer, request, 500)
            case "late":
                loop.call_later(kind.timeout_seconds + _LATE_SECONDS, self._answer, request, 200)
            case "hang":
                loop.call_later(_HANG_SECONDS, self._reset)
            case "reset":
                loop.call_later(kind.behaviour.delay_seconds, self._reset)
            case "drip":
                self._drip(request, _ANSWERS[200])

    def _fault(self, kind: Kind, request: Request) -> Fault:
        behaviour = kind.behaviour
        if behaviour.poison and any(number % behaviour.poison == 0 for number in request.numbers):
            return "error"
        return behaviour.fault if self._records.dice[kind.name].random() < behaviour.share else "none"

    def _answer(self, request: Request, status: int) -> None:
        if self._request is request and self._transport is not None and not self._transport.is_closing():
            self._write(_ANSWERS[status])
            self._ended(status)

    def _drip(self, request: Request, rest: bytes) -> None:
        if self._request is not request or self._transport is None or self._transport.is_closing():
            return
        self._write(rest[:1])
        if rest[1:]:
            asyncio.get_running_loop().call_later(_DRIP_SECONDS, self._drip, request, rest[1:])
        else:
            self._ended(200)

    def _reset(self) -> None:
        """Send RST: with a linger of 0 seconds a close does that."""
        if self._transport is not None:
            opened = self._transport.get_extra_info("socket")
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def _ended(self, status: int) -> None:
        if self._request is not None:
            self._records.add(self._request, status=status)
            self._request = None

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


_BY_PATH = {f"/{kind.name}": kind for kind in KINDS}


async def main(seed: str, records: Path) -> None:
    """Serve until killed."""
    with records.open("w") as file:
        written = Records(file, seed=seed)
        server = await asyncio.get_running_loop().create_server(lambda: Connection(written), "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
