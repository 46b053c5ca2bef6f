"""A receiver that costs next to nothing: `python -m bench.receiver [PORT]` prints its port and answers POST with 200.

`/hook/GROUP` answers at once, `/hang/GROUP` too until `GET /hang?SECONDS` says how long it is to wait; `GET /hang?0`
answers what hangs. `GET /count` gives `{"count", "first", "last"}` with monotonic times, `GET /report` for each group
the times of arrival and the latencies (arrival minus the `"sent"` of the event, one clock for the whole machine), in
seconds; `GET /reset` does as `/count` and starts anew.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from array import array
from collections import defaultdict
from typing import cast

import uvloop

from bench.reader import RequestReader, path_of

_SENT = re.compile(rb'"sent": ?([0-9.]+)')
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Group:
    """What came in on one path."""

    __slots__ = ("arrivals", "latencies")

    def __init__(self) -> None:
        self.arrivals = array("d")
        self.latencies = array("d")


class Records:
    """What came in since the last reset; times are monotonic, 0 for none yet."""

    def __init__(self) -> None:
        self.hang_seconds = 0.0
        self.hanging: set[Connection] = set()
        self.reset()

    def reset(self) -> None:
        """Start anew."""
        self.count = 0
        self.first = 0.0
        self.last = 0.0
        self.groups: defaultdict[bytes, Group] = defaultdict(Group)

    def add(self, group: bytes, *, body: bytes) -> None:
        """Count one request."""
        self.last = now = time.monotonic()
        self.first = self.first or now
        self.count += 1
        sent = _SENT.search(body)
        if sent is not None:
            found = self.groups[group]
            found.arrivals.append(now)
            found.latencies.append(now - float(sent.group(1)))

    def counts(self) -> dict[str, float]:
        """Give the totals."""
        return {"count": self.count, "first": self.first, "last": self.last}

    def report(self) -> dict[str, dict[str, list[float]]]:
        """Give the times of each group."""
        return {
            name.decode(): {"arrivals": list(group.arrivals), "latencies": list(group.latencies)}
            for name, group in self.groups.items()
        }


class Connection(asyncio.Protocol):
    """Read requests one after the other and answer each."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._reader = RequestReader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the protocol's signature
        """Forget what hung."""
        self._transport = None
        self._records.hanging.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        for head, body in self._reader.feed(data):
            if head.startswith(b"POST /hook/"):
                self._records.add(head[11 : head.find(b" ", 11)], body=body)
                self._write(_OK)
            elif head.startswith(b"POST /hang/"):
                self._records.add(head[11 : head.find(b" ", 11)], body=body)
                self._hang()
            else:
                self._write(self._told(path_of(head)))

    def answer(self) -> None:
        """End what hangs."""
        if self in self._records.hanging:
            self._records.hanging.discard(self)
            self._write(_OK)

    def _hang(self) -> None:
        if not self._records.hang_seconds:
            self._write(_OK)
            return
        self._records.hanging.add(self)
        asyncio.get_running_loop().call_later(self._records.hang_seconds, self.answer)

    def _told(self, path: str) -> bytes:
        name, _, argument = path.partition("?")
        answer: object = self._records.report() if name == "/report" else self._records.counts()
        if name == "/reset":
            self._records.reset()
        if name == "/hang":
            self._records.hang_seconds = float(argument)
            for connection in list(self._records.hanging) if not self._records.hang_seconds else ():
                connection.answer()
        body = json.dumps(answer).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


async def main() -> None:
    """Serve until killed."""
    records = Records()
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = await asyncio.get_running_loop().create_server(lambda: Connection(records), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
