"""Fill a cluster, and see whether operator and API server bear it: a line of JSON for each bound.

A real API server without controllers, a nats-server, an operator with the rights of its own ServiceAccount. First 1,000
endpoints with a Subscription each are applied at once, then Subscriptions up to 10,000. Then nothing happens for a
while; the operator is started anew; and in the end every endpoint fails, with a dispatcher beside. The exit code is 1
when a bound was missed or a part could not run. All processes share the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import scale_bounds as bounds
from bench.events import EVENT_TYPE, event
from bench.machine import Moment, cpu_seconds, resident_mebibytes
from bench.results import Result
from bench.scale_cluster import ENDPOINTS, SUBSCRIPTIONS, Cluster, running_cluster
from bench.scale_processes import Operator, Processes
from bench.status_receiver import Answering, answering
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, disconnect
from jethook_contract.subjects import events_subject
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

NAMESPACES = 4
REST_SECONDS = 20.0
STORM_SECONDS = 60.0
_EVENTS_EACH = 3
_START_SECONDS = 90.0
_PATIENCE = 3.0  # so many times a bound is waited for what misses it, to say by how much
_MOST_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Size:
    """How many endpoints, each with a Subscription, are applied first, and how many Subscriptions there are in all.

    A multiple of `NAMESPACES` endpoints.
    """

    endpoints: int = 1_000
    subscriptions: int = 10_000
    rest_seconds: float = REST_SECONDS
    storm_seconds: float = STORM_SECONDS


QUICK = Size(endpoints=100, subscriptions=1_000, rest_seconds=10.0, storm_seconds=20.0)


def main() -> int:
    """Run, print a line for each bound; 0 when all were kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of it: shows that it works, not how far it goes")
    asked = parser.parse_args()
    try:
        results = asyncio.run(measure(QUICK if asked.quick else Size()))
    except Exception as exc:  # noqa: BLE001 -- what was printed so far stands; this says why there is no more
        traceback.print_exc()
        print(json.dumps({"scenario": "scale", "ok": False, "error": f"{type(exc).__name__}: {exc}"[:500]}), flush=True)
        return 1
    return 0 if all(result.ok for result in results) else 1


async def measure(size: Size) -> list[Result]:
    """Go through all parts, and print the line of each when it is known."""
    async with asyncio.timeout(_MOST_SECONDS), _ground(size) as run:
        return await run.parts()


class Run:
    """One cluster that is filled; `results` are those so far."""

    def __init__(
        self, size: Size, *, cluster: Cluster, processes: Processes, receiver: Answering, nats_url: str
    ) -> None:
        self.results: list[Result] = []
        self._size = size
        self._cluster = cluster
        self._processes = processes
        self._receiver = receiver
        self._nats_url = nats_url
        self._moment = Moment.now()

    async def parts(self) -> list[Result]:
        """Fill, rest, start anew, fail."""
        size, cluster = self._size, self._cluster
        for number in range(NAMESPACES):
            await cluster.make_namespace(_namespace(number))
        async with cluster.watching():
            async with self._processes.operator() as first:
                await first.quiet(subscriptions=0, seconds=60)
                empty = resident_mebibytes(first.pid)
                await self._ready()
                await self._many(first)
                await first.quiet(subscriptions=size.subscriptions, seconds=_PATIENCE * bounds.QUIET_SECONDS)
                await self._rest(first)
            async with self._processes.operator() as second:
                await self._restart(second)
                full = resident_mebibytes(second.pid)
                memory = bounds.memory(subscriptions=size.subscriptions, empty_mebibytes=empty, full_mebibytes=full)
                self._tell("memory", memory)
                await self._storm()
        return self.results

    async def _ready(self) -> None:
        size, began = self._size, time.monotonic()
        await self._cluster.make(ENDPOINTS, [_endpoint(one, url=self._receiver.url) for one in range(size.endpoints)])
        await self._cluster.make(SUBSCRIPTIONS, [self._subscription(one) for one in range(size.endpoints)])
        applied = time.monotonic() - began
        await self._all_ready(size.endpoints, seconds=_PATIENCE * bounds.READY_SECONDS)
        passed, writes = time.monotonic() - began, len(self._cluster.changes(since=began))
        result = bounds.ready(
            endpoints=size.endpoints,
            subscriptions=size.endpoints,
            applied_seconds=applied,
            seconds=passed,
            writes=writes,
        )
        self._tell("ready", result)

    async def _many(self, operator: Operator) -> None:
        size, began, cpu = self._size, time.monotonic(), cpu_seconds(operator.pid)
        more = [self._subscription(one) for one in range(size.endpoints, size.subscriptions)]
        await self._cluster.make(SUBSCRIPTIONS, more)
        applied = time.monotonic() - began
        await self._all_ready(size.subscriptions, seconds=_PATIENCE * bounds.MANY_SECONDS)
        result = bounds.many(
            subscriptions=len(more),
            applied_seconds=applied,
            seconds=time.monotonic() - began,
            cpu_seconds=cpu_seconds(operator.pid) - cpu,
        )
        self._tell("many-subscriptions", result)

    async def _rest(self, operator: Operator) -> None:
        began, cpu, before = time.monotonic(), cpu_seconds(operator.pid), await self._cluster.writes()
        await asyncio.sleep(self._size.rest_seconds)
        writes, spent = await self._cluster.writes() - before, cpu_seconds(operator.pid) - cpu
        self._tell("rest", bounds.rest(seconds=time.monotonic() - began, writes=writes, cpu_seconds=spent))

    async def _restart(self, operator: Operator) -> None:
        """Look at an operator that was just started."""
        began, before = time.monotonic(), await self._cluster.writes()
        quiet = await operator.quiet(subscriptions=self._size.subscriptions, seconds=_PATIENCE * bounds.QUIET_SECONDS)
        told = await operator.told()
        result = bounds.restart(
            subscriptions=self._size.subscriptions,
            seconds=quiet - began,
            writes=await self._cluster.writes() - before,
            jetstream_writes=told.jetstream_writes if told is not None else -1,
            cpu_seconds=cpu_seconds(operator.pid),
        )
        self._tell("restart", result)

    async def _storm(self) -> None:
        """Let every endpoint fail, and a dispatcher and the operator tell of it."""
        size, events = self._size, await self._cluster.writes(resource="events")
        self._receiver.status, self._receiver.requests = 500, 0
        await self._publish(size.endpoints)
        began = time.monotonic()
        async with self._processes.dispatcher():
            await eventually(lambda: self._receiver.requests > 0, seconds=_START_SECONDS, every_seconds=0.1)
            await asyncio.sleep(size.storm_seconds)
            seen = bounds.Storm(
                writes=self._cluster.changes(since=began),
                seconds=time.monotonic() - began,
                endpoints=size.endpoints,
                requests=self._receiver.requests,
                events=await self._cluster.writes(resource="events") - events,
            )
        self._tell("storm", bounds.storm(seen))

    async def _publish(self, count: int) -> None:
        """Publish some events for the first Subscriptions, one of each endpoint."""
        client = await connect(ConnectionSettings(servers=(self._nats_url,), name="scale"), hooks=ConnectionHooks())
        try:
            jetstream = client.jetstream()
            for number in range(_EVENTS_EACH * count):
                one = number % count
                await jetstream.publish(
                    events_subject(_namespace(one), _type(one)), event(f"scale-{number}", sent=time.monotonic())
                )
        finally:
            await disconnect(client)

    async def _all_ready(self, subscriptions: int, *, seconds: float) -> None:
        wanted = {ENDPOINTS: self._size.endpoints, SUBSCRIPTIONS: subscriptions}
        watched = self._cluster.watched
        try:
            await eventually(
                lambda: all(len(watched[kind].ready) >= count for kind, count in wanted.items()),
                seconds=seconds,
                every_seconds=0.1,
            )
        except AssertionError as exc:
            found = {kind: len(watched[kind].ready) for kind in wanted}
            raise TimeoutError(f"of {wanted} only {found} are Ready after {seconds:.0f} s") from exc

    def _subscription(self, number: int) -> dict[str, Any]:
        spec = {"endpointRef": {"name": f"e{number % self._size.endpoints}"}, "eventTypes": [_type(number)]}
        return _document("Subscription", f"s{number}", namespace=_namespace(number), spec=spec)

    def _tell(self, part: str, result: Result) -> None:
        before, self._moment = self._moment, Moment.now()
        print(json.dumps(result.line(f"scale-{part}", machine=self._moment.busy_since(before))), flush=True)
        self.results.append(result)


@asynccontextmanager
async def _ground(size: Size) -> AsyncIterator[Run]:
    """Start what the parts need; the processes' output is printed when one of them fails."""
    with tempfile.TemporaryDirectory(prefix="jethook-scale-") as made:
        folder = Path(made)
        async with running_cluster(folder / "kubernetes") as cluster, answering() as receiver:
            with _nats(folder / "nats") as nats:
                processes = Processes(cluster, nats_url=nats.url, folder=folder)
                try:
                    yield Run(size, cluster=cluster, processes=processes, receiver=receiver, nats_url=nats.url)
                except Exception:
                    print(_tail(processes.log), file=sys.stderr)
                    raise


@contextmanager
def _nats(folder: Path) -> Iterator[NatsServer]:
    server = NatsServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.close()


def _tail(log: Path) -> str:
    return log.read_text()[-4000:] if log.exists() else ""


def _endpoint(number: int, *, url: str) -> dict[str, Any]:
    return _document("WebhookEndpoint", f"e{number}", namespace=_namespace(number), spec={"url": url})


def _document(kind: str, name: str, *, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "jethook.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def _namespace(number: int) -> str:
    return f"scale-{number % NAMESPACES}"


def _type(number: int) -> str:
    return f"{EVENT_TYPE}.s{number}"


if __name__ == "__main__":
    sys.exit(main())
