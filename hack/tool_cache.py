"""The cache of built tools: a folder for each tool and version, made by one process at a time."""

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class ToolMissing(Exception):
    """A tool can be neither found nor made here; the message says what to do."""


def cached_tool(name: str, *, version: str) -> Path:
    """Name the place of a tool, made or not: `<user's cache>/jethook/<name>/<version>/<name>`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "jethook" / name / version / name


def make_once(place: Path, *, make: Callable[[Path], Path]) -> Path:
    """Return `place`, made first when it is not there.

    `make` gets an empty scratch folder, works there and returns the file, which is moved into place whole. Of
    several processes one makes it and the others wait. Raises ToolMissing when `make` does.
    """
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.parent / ".lock"):
        if not place.exists():
            _make(place, make=make)
    return place


def say(text: str) -> None:
    """Tell the user about progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def _make(place: Path, *, make: Callable[[Path], Path]) -> None:
    scratch = Path(tempfile.mkdtemp(dir=place.parent, prefix="making-"))
    try:
        made = make(scratch)
        made.chmod(0o755)
        made.replace(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock that the system releases when the process ends, however it ends."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that makes {path.parent.parent.name} {path.parent.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
