"""A folder of YAML files, read as one: what is in all of them, and what keeps that from being the whole truth.

Hidden files and folders are passed over (editors and mounts use them), symbolic links to files are followed. A file
that cannot be read keeps its last good content.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jethook_contract.errors import Invalid
from jethook_operator.core.resources import Key
from jethook_operator.shell.files_document import Document, read_documents

MAX_FILES = 5_000
_SUFFIXES = {".yaml", ".yml"}
_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the folder holds. With `faults` it is no full reading: nothing may count as removed."""

    documents: tuple[Document, ...]
    faults: tuple[str, ...]


@dataclass(slots=True)
class _File:
    stamp: _Stamp
    documents: tuple[Document, ...]
    fault: str = ""


class Folder:
    """Read a folder again and again; what has not changed on disk is not parsed anew. Blocks: call it in a thread."""

    def __init__(self, path: Path, *, pool_namespace: str) -> None:
        self._path = path
        self._pool_namespace = pool_namespace
        self._files: dict[Path, _File] = {}

    def read(self) -> Reading:
        """Read what is new; never raises for what the files hold."""
        try:
            paths = list(self._paths())
        except OSError as exc:
            return self._reading([f"{self._path}: {exc.strerror}"])
        if len(paths) > MAX_FILES:
            return self._reading([f"{self._path}: {len(paths)} files, at most {MAX_FILES} are read"])
        for gone in self._files.keys() - set(paths):
            del self._files[gone]
        for path in paths:
            self._refresh(path)
        return self._reading([])

    def _paths(self) -> Iterator[Path]:
        if not self._path.is_dir():
            raise NotADirectoryError(0, "no such folder")
        for path in sorted(self._path.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(self._path).parts)
            if path.suffix in _SUFFIXES and not hidden and path.is_file():
                yield path

    def _refresh(self, path: Path) -> None:
        known = self._files.get(path)
        name = str(path.relative_to(self._path))
        stamp: _Stamp = (0, 0, 0)
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if known is not None and known.stamp == stamp:
                return
            documents = read_documents(path.read_bytes(), file=name, pool_namespace=self._pool_namespace)
            self._files[path] = _File(stamp, documents)
        except Invalid as exc:
            self._files[path] = _File(stamp, known.documents if known else (), exc.message)
        except OSError as exc:
            self._files[path] = _File((0, 0, 0), known.documents if known else (), f"{name}: {exc.strerror}")

    def _reading(self, faults: list[str]) -> Reading:
        found: dict[Key, Document] = {}
        faults.extend(file.fault for file in self._files.values() if file.fault)
        for document in (one for _, file in sorted(self._files.items()) for one in file.documents):
            first = found.setdefault(document.key, document)
            if first is not document:
                key = document.key
                what = f"{key.kind} {key.namespace}/{key.name}"
                faults.append(f"{document.place}: {what} stands at {first.place} already; remove one")
        return Reading(tuple(found.values()), tuple(faults))
