"""The processes of a standalone installation: nats-server, operator, dispatchers; stopped in reverse order of start.

It knows no more of the product than its command lines: each child is the same process that runs in a cluster. When a
child ends by itself, the others are stopped and the supervisor says which one it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jethook_cli.embedded_nats import EmbeddedNats
from jethook_cli.options import STATE_FILE
from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.names import DEFAULT_POOL
from jethook_contract.sealing import KeyRing

_STOP_SECONDS = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorSettings:
    """What to run on; `nats_urls` empty means the embedded server, `events_max_bytes` None the operator's default."""

    folder: Path
    state: Path
    nats_urls: tuple[str, ...] = ()
    nats_credentials: Path | None = None
    nats_port: int = 0
    dispatchers: int = 1
    events_max_bytes: int | None = None


class Supervisor:
    """Run the processes until told to stop or until one ends by itself."""

    def __init__(self, settings: SupervisorSettings) -> None:
        self._settings = settings
        self._children: list[tuple[str, asyncio.subprocess.Process]] = []

    async def run(self, stop: asyncio.Event) -> str | None:
        """Give None after a stop, or the name of the child that ended by itself."""
        with _locked(self._settings.state):
            _ensure_plan_key(self._settings.state)
            async with self._nats() as url:
                self._write_state(url)
                try:
                    return await self._run_children(url, stop)
                finally:
                    (self._settings.state / STATE_FILE).unlink(missing_ok=True)

    async def _run_children(self, url: str, stop: asyncio.Event) -> str | None:
        try:
            await self._start_children(url)
            print(f"jethook: running on {self._settings.folder}, NATS at {_address(url)}", file=sys.stderr, flush=True)
            return await self._first_to_end(stop)
        finally:
            await self._stop_children()

    @contextlib.asynccontextmanager
    async def _nats(self) -> AsyncIterator[str]:
        if self._settings.nats_urls:
            yield ",".join(self._settings.nats_urls)
            return
        server = EmbeddedNats(self._settings.state / "nats", port=self._settings.nats_port)
        process = await server.start()
        self._children.append(("nats-server", process))
        try:
            yield server.url
        finally:
            await _stop(process)

    async def _start_children(self, url: str) -> None:
        keys = self._settings.state / "plan-keys"
        room = self._settings.events_max_bytes
        await self._spawn(
            "operator", url, "operator", "--provider", "files", "--files", str(self._settings.folder),
            "--plan-keys", str(keys), "--install-id", "standalone",
            *(() if room is None else ("--events-max-bytes", str(room))),
        )  # fmt: skip
        for number in range(1, self._settings.dispatchers + 1):
            await self._spawn(
                f"dispatcher-{number}", url, "dispatcher", "--pool", DEFAULT_POOL,
                "--plan-key", str(keys / DEFAULT_POOL),
            )  # fmt: skip

    async def _spawn(self, name: str, url: str, *arguments: str) -> None:
        environment = {**os.environ, "JETHOOK_NATS_URL": url}
        environment.pop("JETHOOK_METRICS", None)  # one port cannot serve several children
        if self._settings.nats_credentials:
            environment["JETHOOK_NATS_CREDENTIALS"] = str(self._settings.nats_credentials)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "jethook_cli", *arguments, env=environment, start_new_session=True
        )
        self._children.append((name, process))

    async def _first_to_end(self, stop: asyncio.Event) -> str | None:
        waiting = {asyncio.create_task(process.wait()): name for name, process in self._children}
        asked = asyncio.create_task(stop.wait())
        done, pending = await asyncio.wait({asked, *waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return None if asked in done else next(waiting[task] for task in done)

    async def _stop_children(self) -> None:
        for name, process in reversed(self._children):
            if name != "nats-server":
                await _stop(process)

    def _write_state(self, url: str) -> None:
        path = self._settings.state / STATE_FILE
        with _private(path) as file:
            json.dump({"nats_url": url, "pid": os.getpid()}, file)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@contextlib.contextmanager
def _locked(state: Path) -> Iterator[None]:
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (state / "lock").open("w")
    except OSError as exc:
        raise Unavailable("NoState", f"cannot write {state}: {exc.strerror}; choose another --state") from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise Invalid("AlreadyRunning", f"another `jethook standalone` runs on {state}; stop it first") from exc
        yield


def _ensure_plan_key(state: Path) -> None:
    path = state / "plan-keys" / DEFAULT_POOL
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        with _private(path) as file:
            file.write(KeyRing.generate().get_secret_value())


def _private(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")


def _address(url: str) -> str:
    return url.rpartition("@")[2].removeprefix("nats://")
