"""The provider `files`: a watched folder of the same YAML that kubectl takes.

Identity is namespace and name, the generation a hash of the spec. Nothing is removed before a reading without faults.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from watchfiles import awatch

from jethook_contract.errors import Invalid
from jethook_operator.core.resources import Key, SecretValue
from jethook_operator.shell.files_document import Document, default_pool
from jethook_operator.shell.files_folder import Folder, Reading
from jethook_operator.shell.provider import Intake
from jethook_operator.shell.store import KINDS

_LOOK_AGAIN_MILLISECONDS = 2_000  # some file systems tell of no change, and none of one before the watch began
_RETRY_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class FilesProvider:
    """Gather from a folder until cancelled."""

    def __init__(self, path: Path, *, intake: Intake, pool_namespace: str) -> None:
        self._path = path
        self._pool_namespace = pool_namespace
        self._folder = Folder(path, pool_namespace=pool_namespace)
        self._intake = intake
        self._known: set[Key] = set()
        self._faults: tuple[str, ...] = ()

    async def run(self) -> None:
        """Read, then read again at every change; raise Invalid `NoFolder` when there is nothing to watch at start."""
        if not self._path.is_dir():
            raise Invalid("NoFolder", f"{self._path} is no folder; give one with --files")
        await self._read()
        self._intake.mark_gathered()
        while True:
            try:
                async for _ in awatch(self._path, rust_timeout=_LOOK_AGAIN_MILLISECONDS, yield_on_timeout=True):
                    await self._read()
            except OSError as exc:
                _log.error("folder_not_watched", folder=str(self._path), error=str(exc))
            await asyncio.sleep(_RETRY_SECONDS)
            await self._read()

    async def _read(self) -> None:
        reading = await asyncio.to_thread(self._folder.read)
        self._report(reading)
        documents = self._with_default_pool(reading)
        for document in documents:
            if isinstance(document.content, SecretValue):
                self._intake.put_secret(document.content)
            else:
                self._intake.put(document.content)
        present = {document.key for document in documents}
        if reading.faults:
            self._known |= present
            return
        for key in self._known - present:
            self._intake.remove(key)
        self._known = present
        for kind in KINDS:
            self._intake.mark_synced(kind)

    def _with_default_pool(self, reading: Reading) -> tuple[Document, ...]:
        # A file with a fault may be the one with the pool, and its egress rules.
        if reading.faults or any(one.key.kind == "DispatcherPool" for one in reading.documents):
            return reading.documents
        return (*reading.documents, default_pool(self._pool_namespace))

    def _report(self, reading: Reading) -> None:
        if reading.faults == self._faults:
            return
        self._faults = reading.faults
        for fault in reading.faults:
            _log.error("file_refused", message=fault, effect="its last good content counts; nothing is removed")
        if not reading.faults:
            _log.info("files_read", objects=len(reading.documents))
