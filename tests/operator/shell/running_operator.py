"""A whole operator in the test's own loop, and a look into what it made in NATS."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, NoKeysError, NotFoundError

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.names import OBJECTS_BUCKET, events_stream, plan_bucket
from jethook_contract.sealing import KeyRing
from jethook_operator.shell.main import operate
from jethook_operator.shell.settings import OperatorSettings

STOP_SECONDS = 20


def plan_keys(folder: Path) -> Path:
    """Write a key for the pool `default`, and give the folder."""
    keys = folder / "plan-keys"
    keys.mkdir(exist_ok=True)
    if not (keys / "default").exists():
        (keys / "default").write_text(KeyRing.generate().get_secret_value())
    return keys


@asynccontextmanager
async def running(settings: OperatorSettings) -> AsyncIterator[asyncio.Task[None]]:
    """Run the operator; what ended it before the block's end is raised there."""
    stop = asyncio.Event()
    task = asyncio.create_task(operate(settings, stop=stop))
    try:
        yield task
    finally:
        stop.set()
        async with asyncio.timeout(STOP_SECONDS):
            await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None:
        task.result()


class NatsView:
    """What lies in NATS."""

    def __init__(self, client: Client) -> None:
        self._js = client.jetstream(timeout=5)

    async def objects(self) -> dict[str, Any]:
        """Give the objects bucket by key."""
        return await self._bucket(OBJECTS_BUCKET)

    async def object(self, key: str) -> Any:
        """Give one object, or None."""
        return (await self.objects()).get(key)

    async def plan(self, pool: str = "default") -> dict[str, Any]:
        """Give the plan of a pool by key."""
        return await self._bucket(plan_bucket(pool))

    async def consumers(self, namespace: str = "default") -> set[str]:
        """Name the consumers of a namespace's events."""
        try:
            return {one.name for one in await self._js.consumers_info(events_stream(namespace))}
        except NotFoundError:
            return set()

    async def _bucket(self, name: str) -> dict[str, Any]:
        try:
            bucket = await self._js.key_value(name)
            found = {}
            for key in await bucket.keys():
                found[key] = json.loads((await bucket.get(key)).value or b"null")
        except (BucketNotFoundError, NoKeysError, KeyNotFoundError):
            return {}
        return found


@asynccontextmanager
async def nats_view(url: str) -> AsyncIterator[NatsView]:
    """Look into a NATS."""
    client = await connect(ConnectionSettings(servers=(url,)), hooks=ConnectionHooks())
    try:
        yield NatsView(client)
    finally:
        await client.close()


def ready(obj: Any) -> str:
    """Give the status of the condition Ready, empty where there is none."""
    conditions = ((obj or {}).get("status") or {}).get("conditions") or []
    return next((one["status"] for one in conditions if one["type"] == "Ready"), "")


def condition(obj: Any, kind: str) -> dict[str, Any]:
    """Give one condition, or nothing."""
    conditions = ((obj or {}).get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == kind), {})


class OperatorProcess:
    """`jethook operator` as a process of its own; `log` is all that it wrote so far, on stderr and stdout."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._output = folder / "operator.log"
        command = [sys.executable, "-m", "jethook_cli", "operator", *arguments]
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("JETHOOK_", "KUBE"))}
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=clean)

    @property
    def log(self) -> str:
        """Read what it wrote."""
        return self._output.read_text()

    @property
    def exit_code(self) -> int | None:
        """Give the exit code, None while it runs."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """Give the process id."""
        return self._process.pid

    def stop(self) -> int:
        """Ask it to end; give its exit code."""
        self._process.terminate()
        return self._process.wait(STOP_SECONDS)

    def close(self) -> None:
        """End it whatever its state."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)


@contextmanager
def operator_process(folder: Path, *arguments: str) -> Iterator[OperatorProcess]:
    """Run the process, and see to its end."""
    process = OperatorProcess(folder, *arguments)
    try:
        yield process
    finally:
        process.close()
