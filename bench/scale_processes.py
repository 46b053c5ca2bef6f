"""The operator and the dispatcher of the scale test, and what the operator tells of itself."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.scale_cluster import NAMESPACE, Cluster
from hack.ports import free_port
from jethook_contract.names import DEFAULT_POOL
from jethook_contract.sealing import KeyRing

STILL_SECONDS = 3.0
_POLL_SECONDS = 0.25
_STOP_SECONDS = 30.0
_EVENTS_BYTES = 64 * 1024 * 1024
_SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>[0-9.e+-]+)$", re.MULTILINE)
_JETSTREAM_WRITES = ("CREATE", "UPDATE", "DELETE", "PURGE")


@dataclass(frozen=True, slots=True)
class Told:
    """What `/metrics` of an operator says at a moment. `busy`: objects that wait or are tried again."""

    subscriptions: int
    busy: int
    reconciles: int
    jetstream_writes: int


class Processes:
    """Start Jethook's processes on one cluster and one NATS; their output is in `log`."""

    def __init__(self, cluster: Cluster, *, nats_url: str, folder: Path) -> None:
        self._nats_url = nats_url
        self._keys = folder / "plan-keys"
        self._keys.mkdir(mode=0o700)
        (self._keys / DEFAULT_POOL).write_text(KeyRing.generate().get_secret_value())
        self.log = folder / "processes.log"
        self._kubeconfigs = {name: cluster.kubeconfig_for(f"jethook-{name}") for name in ("operator", "dispatcher")}

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Operator]:
        """Run an operator; ended by SIGTERM when the block ends."""
        port = free_port()
        own = ("--namespace", NAMESPACE, "--plan-keys", str(self._keys), "--install-id", "scale")
        more = ("--events-max-bytes", str(_EVENTS_BYTES), "--metrics", f"127.0.0.1:{port}")
        async with self._process("operator", *own, *more) as child, aiohttp.ClientSession() as session:
            yield Operator(child, port=port, session=session)

    @asynccontextmanager
    async def dispatcher(self) -> AsyncIterator[None]:
        """Run a dispatcher; ended by SIGTERM when the block ends."""
        own = ("--pool", DEFAULT_POOL, "--plan-key", str(self._keys / DEFAULT_POOL), "--kubernetes")
        async with self._process("dispatcher", *own, "--drain-seconds", "5"):
            yield

    @asynccontextmanager
    async def _process(self, name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        where = ("--nats", self._nats_url, "--kubeconfig", str(self._kubeconfigs[name]))
        command = (sys.executable, "-m", "jethook_cli", name, *where, *arguments)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("JETHOOK_")}
        with self.log.open("ab") as log:
            child = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=environment)
        try:
            yield child
        finally:
            await _end(child)


class Operator:
    """A running operator, looked at as Prometheus does."""

    def __init__(self, child: asyncio.subprocess.Process, *, port: int, session: aiohttp.ClientSession) -> None:
        self.pid = child.pid
        self._child = child
        self._url = f"http://127.0.0.1:{port}/metrics"
        self._session = session

    async def told(self) -> Told | None:
        """Look; None while it does not answer. Raises RuntimeError when the process has ended."""
        if self._child.returncode is not None:
            raise RuntimeError(f"the operator ended with exit code {self._child.returncode}")
        try:
            async with self._session.get(self._url) as answer:
                return read_told(await answer.text())
        except aiohttp.ClientError:
            return None

    async def quiet(self, *, subscriptions: int, seconds: float) -> float:
        """Wait until it sees so many Subscriptions and has nothing to do; give since when, in monotonic seconds.

        Raises TimeoutError after `seconds`.
        """
        deadline = time.monotonic() + seconds
        since, last = 0.0, -1
        while (now := time.monotonic()) < deadline:
            told = await self.told()
            still = told is not None and not told.busy and told.subscriptions == subscriptions
            if told is None or not still or told.reconciles != last:
                since, last = now, told.reconciles if told is not None else -1
            elif now - since >= STILL_SECONDS:
                return since
            await asyncio.sleep(_POLL_SECONDS)
        raise TimeoutError(f"the operator is not quiet after {seconds:.0f} s: {await self.told()}")


def read_told(metrics: str) -> Told:
    """Read an operator's metrics."""

    def total(name: str, wanted: Callable[[str], bool] = lambda _: True) -> int:
        found = [one for one in _SAMPLE.finditer(metrics) if one["name"] == name and wanted(one["labels"] or "")]
        return int(sum(float(one["value"]) for one in found))

    return Told(
        subscriptions=total("jethook_operator_objects", lambda labels: 'kind="Subscription"' in labels),
        busy=total("jethook_operator_workqueue_depth") + total("jethook_operator_workqueue_retrying"),
        reconciles=total("jethook_operator_reconciles_total"),
        jetstream_writes=total(
            "jethook_operator_jetstream_requests_total",
            lambda labels: any(f'.{one}"' in labels for one in _JETSTREAM_WRITES),
        ),
    )


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
