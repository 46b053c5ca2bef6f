"""The file of API keys: read at the start, and again when it has changed, at most each second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog
import yaml

from jethook_contract.errors import Invalid
from jethook_gateway.core.keys import KeyRing, read_keys

MAX_FILE_BYTES = 4 * 1024 * 1024
LOOK_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class KeysFile:
    """Give the keys that are in force; `now` gives monotonic seconds. Raises Invalid when the first reading fails.

    A file that cannot be read later leaves the last good keys in force, and is told in the log.
    """

    def __init__(self, path: Path, *, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._stamp = self._stat()
        self._looked = now()
        self._keys = self._read()

    def __call__(self) -> KeyRing:
        """Give the keys, after a look at the file when the last one is a second ago."""
        now = self._now()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look()
        return self._keys

    def _look(self) -> None:
        try:
            stamp = self._stat()
            if stamp == self._stamp:
                return
            self._keys, self._stamp = self._read(), stamp
        except Invalid as exc:
            _log.warning(
                "keys_not_read", reason=exc.reason, message=exc.message, effect="the keys before stay in force"
            )
            return
        _log.info("keys_read", count=len(self._keys))

    def _stat(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError as exc:
            raise Invalid("NoKeys", f"{self._path}: the file of API keys cannot be read: {exc.strerror}") from exc
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> KeyRing:
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
            if len(data) > MAX_FILE_BYTES:
                raise Invalid("BadKeys", f"{self._path}: more than {MAX_FILE_BYTES} bytes; split the installation")
            document = yaml.safe_load(data)
        except OSError as exc:
            raise Invalid("NoKeys", f"{self._path}: the file of API keys cannot be read: {exc.strerror}") from exc
        except yaml.YAMLError as exc:
            raise Invalid("BadKeys", f"{self._path}: no YAML: {type(exc).__name__}") from exc
        try:
            return read_keys(document)
        except Invalid as exc:
            raise Invalid(exc.reason, f"{self._path}: {exc.message}") from exc
