"""The processes beside a benchmark: any `python -m`, and the receiver with its questions."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@asynccontextmanager
async def process(*arguments: str, log: Path, stdout: int | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python <arguments>`, its output in `log` (or as `stdout` says); killed when the block ends."""
    with log.open("ab") as errors:
        child = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=errors if stdout is None else stdout, stderr=errors, env=dict(os.environ)
        )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@asynccontextmanager
async def receiving(log: Path, *, port: int = 0) -> AsyncIterator[Receiver]:
    """Run a receiver process, on a free port unless told."""
    arguments = ("-m", "bench.receiver", str(port))
    async with process(*arguments, log=log, stdout=asyncio.subprocess.PIPE) as child:
        if child.stdout is None:
            raise RuntimeError("the receiver has no output")
        yield Receiver(port=int(await child.stdout.readline()), pid=child.pid)


@dataclass(frozen=True, slots=True)
class Receiver:
    """The counting receiver, by its port."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Where to POST."""
        return self.hook("all")

    def hook(self, group: str) -> str:
        """Give a URL that answers at once."""
        return f"http://127.0.0.1:{self.port}/hook/{group}"

    def hang(self, group: str) -> str:
        """Give a URL that hangs while `hang_for` says so."""
        return f"http://127.0.0.1:{self.port}/hang/{group}"

    async def counts(self, path: str = "count") -> dict[str, float]:
        """Ask for what came in; `reset` as the path starts anew."""
        found: dict[str, float] = await asyncio.to_thread(self._get, path)
        return found

    async def hang_for(self, seconds: float) -> None:
        """Let the hanging URLs hang; 0 ends it and answers what waits."""
        await self.counts(f"hang?{seconds}")

    async def latencies(self, group: str) -> list[float]:
        """Give the seconds from publish to arrival of one group."""
        return (await self._group(group)).get("latencies", [])

    async def arrivals(self, group: str) -> list[float]:
        """Give the monotonic times of arrival of one group."""
        return (await self._group(group)).get("arrivals", [])

    async def wait_for(self, count: int, *, seconds: float) -> float:
        """Wait until `count` requests came; gives the rate a second from the first to the last of them."""
        found = {"count": 0.0}
        try:
            async with asyncio.timeout(seconds):
                while (found := await self.counts())["count"] < count:  # noqa: ASYNC110 -- another process counts
                    await asyncio.sleep(0.2)
        except TimeoutError as exc:
            raise TimeoutError(f"{found['count']:.0f} of {count} requests came in {seconds:.0f} s") from exc
        return (found["count"] - 1) / max(found["last"] - found["first"], 1e-9)

    async def _group(self, name: str) -> dict[str, list[float]]:
        found: dict[str, list[float]] = (await asyncio.to_thread(self._get, "report")).get(name, {})
        return found

    def _get(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", f"/{path}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()
