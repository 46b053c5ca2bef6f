"""Count the writes of statuses, on their way to NATS and to Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jethook_contract.errors import Unavailable
from jethook_contract.status import StatusRecord
from jethook_dispatcher.core.tracked import ObjectKey
from jethook_dispatcher.shell.kube_status import StatusApi
from jethook_dispatcher.shell.status_outbox import StatusStore


@dataclass(slots=True)
class Writes:
    """Writes that were made, and writes that failed and are tried again."""

    done: int = 0
    failed: int = 0


class CountedStore:
    """Be the store of the reporter's records, over `then`; a record that another wrote first is neither."""

    def __init__(self, then: StatusStore, *, writes: Writes) -> None:
        self._then = then
        self._writes = writes

    async def load(self, key: ObjectKey) -> tuple[StatusRecord | None, int]:
        """Give the record and its revision; raise Unavailable."""
        return await self._then.load(key)

    async def save(self, record: StatusRecord, *, revision: int) -> int | None:
        """Write the record and give its revision, None when another wrote first; raise Unavailable."""
        try:
            written = await self._then.save(record, revision=revision)
        except Unavailable:
            self._writes.failed += 1
            raise
        self._writes.done += written is not None
        return written


class CountedApi:
    """Be what writes to the resources, over `then`; a dry run and an object that is gone are neither."""

    def __init__(self, then: StatusApi, *, writes: Writes) -> None:
        self._then = then
        self._writes = writes

    async def apply_status(
        self, kind: str, *, namespace: str, name: str, status: Mapping[str, object], dry_run: str | None = None
    ) -> str:
        """Apply, and give the object's UID; raise Unavailable with its reason."""
        try:
            uid = await self._then.apply_status(kind, namespace=namespace, name=name, status=status, dry_run=dry_run)
        except Unavailable as exc:
            self._writes.failed += exc.reason != "NotFound"
            raise
        self._writes.done += dry_run is None
        return uid
