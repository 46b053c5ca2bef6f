"""A whole operator in the test's own loop, and a look into what it made in NATS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
