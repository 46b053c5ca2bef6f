"""A store and an API server in memory, for reports whose order or time is what matters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from jethook_contract.status import StatusRecord
from jethook_dispatcher.core.tracked import ObjectKey


class MemoryStore:
    """Keep records; `saves`: of what, in which order.

    To be saved, a record named `slow` waits for `patience`; to be loaded, one named `far` for `found`; given at first.
    """

    def __init__(self) -> None:
        self.patience = asyncio.Event()
        self.patience.set()
        self.found = asyncio.Event()
        self.found.set()
        self.records: dict[ObjectKey, tuple[StatusRecord, int]] = {}
        self.saves: list[ObjectKey] = []

    async def load(self, key: ObjectKey) -> tuple[StatusRecord | None, int]:
        if key.name == "far":
            await self.found.wait()
        return self.records.get(key, (None, 0))

    async def save(self, record: StatusRecord, *, revision: int) -> int | None:
        key = ObjectKey(record.kind, record.namespace, record.name)
        if record.name == "slow":
            await self.patience.wait()
        assert self.records.get(key, (None, 0))[1] == revision
        self.records[key] = (record, revision + 1)
        self.saves.append(key)
        return revision + 1


class MemoryApi:
    """Answer after a while; `applied`: when, to what, with which state. The UID of an object is `<kind>/<name>`.

    What is asked of an object named `slow` waits for `patience`.
    """

    def __init__(self, *, answer_seconds: float = 0.0) -> None:
        self.applied: list[tuple[float, ObjectKey, str]] = []
        self.patience = asyncio.Event()
        self._answer_seconds = answer_seconds

    async def apply_status(
        self, kind: str, *, namespace: str, name: str, status: Mapping[str, object], dry_run: str | None = None
    ) -> str:
        await asyncio.sleep(self._answer_seconds)
        if name == "slow":
            await self.patience.wait()
        if dry_run is None:
            delivery = status["delivery"]
            assert isinstance(delivery, dict)
            at = asyncio.get_running_loop().time()
            self.applied.append((at, ObjectKey(kind, namespace, name), delivery["state"]))  # type: ignore[arg-type]
        return f"{kind}/{name}"
