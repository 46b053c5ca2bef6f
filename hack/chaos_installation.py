"""The processes of a chaos run: nats-server, operator, dispatchers behind proxies, receiver; struck, repaired, ended.

All are on loopback, and each is signalled by its own pid. A process of Jethook that ends by itself is started again, as
a cluster would; that is counted.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import sys
import time
from pathlib import Path

import yaml

from hack.chaos_faults import PlannedFault
from hack.chaos_kinds import KINDS, documents
from hack.chaos_proxy import Proxy
from hack.daemon import Daemon
from hack.ports import free_port
from jethook_contract.names import DEFAULT_POOL
from jethook_contract.sealing import KeyRing

ROOT = Path(__file__).parent.parent
_START_SECONDS = 20.0
_KEEP_SECONDS = 0.5


class ChaosInstallation:
    """Everything that runs; `folder` keeps the store, logs and records."""

    def __init__(self, folder: Path, *, seed: int, dispatchers: int) -> None:
        self.restarts = 0
        self.records = folder / "requests.jsonl"
        self._folder = folder
        self._nats_port = free_port()
        self._proxies = [Proxy(self._nats_port) for _ in range(dispatchers)]
        self._nats = Daemon("nats-server", folder, [_nats_server(), "-c", str(self._nats_config())])
        self._receiver = Daemon(
            "receiver", folder, [sys.executable, "-m", "hack.chaos_receiver", str(seed), str(self.records)]
        )
        self._operator = Daemon("operator", folder)
        self._dispatchers = [Daemon(f"dispatcher-{number}", folder) for number in range(dispatchers)]
        self._struck: set[str] = set()
        self._receiver_port = 0

    @property
    def nats_url(self) -> str:
        """Where NATS is, without a proxy."""
        return f"nats://127.0.0.1:{self._nats_port}"

    @property
    def processes(self) -> list[Daemon]:
        """All of Jethook's processes."""
        return [self._operator, *self._dispatchers]

    async def start(self) -> None:
        """Start everything; the objects lie in the folder that the operator reads."""
        await asyncio.to_thread(self._start_nats)
        await asyncio.to_thread(self._receiver.start)
        self._receiver_port = await asyncio.to_thread(self._first_line, "receiver")
        keys, objects = self._folder / "plan-keys", self._folder / "objects"
        keys.mkdir(mode=0o700)
        (keys / DEFAULT_POOL).write_text(KeyRing.generate().get_secret_value())
        objects.mkdir()
        (objects / "chaos.yaml").write_text(yaml.safe_dump_all(documents(KINDS, port=self._receiver_port)))
        self._operator.command = self._command(
            "operator", "--provider", "files", "--files", str(objects), "--plan-keys", str(keys), "--install-id",
            "chaos", port=self._nats_port,
        )  # fmt: skip
        for proxy, dispatcher in zip(self._proxies, self._dispatchers, strict=True):
            port = await proxy.start()
            dispatcher.command = self._command("dispatcher", "--plan-key", str(keys / DEFAULT_POOL), port=port)
        for daemon in self.processes:
            await asyncio.to_thread(daemon.start)

    async def keep(self) -> None:
        """Start again what ends by itself, until cancelled."""
        while True:
            await asyncio.sleep(_KEEP_SECONDS)
            for daemon in self.processes:
                if daemon.name not in self._struck and daemon.pid is None:
                    self.restarts += 1
                    await asyncio.to_thread(daemon.start)

    async def state(self) -> dict[str, int]:
        """Ask the receiver for the numbers of open and of ended requests."""
        return await asyncio.to_thread(self._state)

    async def strike(self, fault: PlannedFault) -> None:
        """Do what the fault says, wait, and repair it."""
        one = self._dispatchers[fault.target]
        proxy = self._proxies[fault.target]
        match fault.kind:
            case "kill-one":
                await self._kill([one], seconds=fault.lasts_seconds)
            case "kill-all":
                await self._kill(self._dispatchers, seconds=fault.lasts_seconds)
            case "kill-nats":
                await asyncio.to_thread(self._nats.end, signal.SIGKILL)
                await asyncio.sleep(fault.lasts_seconds)
                await asyncio.to_thread(self._start_nats)
            case "cut" | "silence":
                (proxy.cut if fault.kind == "cut" else proxy.silence)()
                await asyncio.sleep(fault.lasts_seconds)
                proxy.heal()
            case "pause":
                await asyncio.to_thread(one.pause)
                await asyncio.sleep(fault.lasts_seconds)
                one.resume()

    async def stop(self) -> None:
        """End everything, whatever its state."""
        self._struck = {daemon.name for daemon in self.processes}
        for proxy in self._proxies:
            proxy.heal()
        await asyncio.gather(*(asyncio.to_thread(daemon.end, seconds=10) for daemon in self.processes))
        for proxy in self._proxies:
            await proxy.close()
        for daemon in (self._receiver, self._nats):
            await asyncio.to_thread(daemon.end, signal.SIGKILL)

    async def _kill(self, daemons: list[Daemon], *, seconds: float) -> None:
        self._struck |= {daemon.name for daemon in daemons}
        for daemon in daemons:
            daemon.send(signal.SIGKILL)
        await asyncio.gather(*(asyncio.to_thread(daemon.end, signal.SIGKILL) for daemon in daemons))
        await asyncio.sleep(seconds)
        for daemon in daemons:
            await asyncio.to_thread(daemon.start)
        self._struck -= {daemon.name for daemon in daemons}

    def _command(self, process: str, *arguments: str, port: int) -> list[str]:
        url = f"nats://127.0.0.1:{port}"
        return [sys.executable, "-m", "jethook_cli", process, *arguments, "--nats", url]

    def _nats_config(self) -> Path:
        path = self._folder / "nats.conf"
        path.write_text(
            f'listen: "127.0.0.1:{self._nats_port}"\nmax_payload: 1MB\n'
            f'jetstream {{ store_dir: "{self._folder / "store"}" }}\n'
        )
        return path

    def _start_nats(self) -> None:
        self._nats.start()
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._nats.pid is not None:
            try:
                with socket.create_connection(("127.0.0.1", self._nats_port), timeout=1) as connection:
                    if connection.recv(5).startswith(b"INFO"):
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"nats-server did not start:\n{self._nats.log_tail()}")

    def _first_line(self, name: str) -> int:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            line, newline, _ = (self._folder / f"{name}.log").read_text().partition("\n")
            if newline and line.isdigit():
                return int(line)
            time.sleep(0.02)
        raise RuntimeError(f"{name} did not start:\n{self._receiver.log_tail()}")

    def _state(self) -> dict[str, int]:
        connection = http.client.HTTPConnection("127.0.0.1", self._receiver_port, timeout=10)
        try:
            connection.request("GET", "/state")
            found: dict[str, int] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return found


def _nats_server() -> str:
    return str(Path(sys.executable).parent / "nats-server")
