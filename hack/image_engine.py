"""The Docker engine that builds images: the one that runs here, else a dockerd of our own, in namespaces of its own.

Our dockerd keeps its images and its build cache in the user's cache folder, listens on a socket in its folder, touches
neither iptables nor a bridge, and ends with the one process that holds its namespaces.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hack.daemon import Daemon
from hack.tool_cache import ToolMissing, cached_tool, say

START_SECONDS = 60.0
COMMAND_SECONDS = 1800.0
LAST_CLI_WITHOUT_BUILDX = 22
DATA_VERSION = "1"
HOW = "install and start Docker with BuildKit, or as root: apt-get install docker.io"


@dataclass(frozen=True, slots=True)
class Engine:
    """A client that can build with BuildKit, and the environment that leads it to its engine."""

    client: Path
    environment: Mapping[str, str]

    def run(
        self, *arguments: str, stdin: bytes | None = None, check: bool = True, seconds: float = COMMAND_SECONDS
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a docker command; with `check`, RuntimeError carries the end of what it said."""
        done = subprocess.run(
            [str(self.client), *arguments],
            input=stdin,
            capture_output=True,
            env={**os.environ, **self.environment, "DOCKER_BUILDKIT": "1"},
            timeout=seconds,
            check=False,
        )
        if check and done.returncode != 0:
            tail = done.stderr.decode(errors="replace")[-6000:]
            raise RuntimeError(f"docker {arguments[0]} failed with exit code {done.returncode}:\n{tail}")
        return done

    def text(self, *arguments: str) -> str:
        """Run a docker command and return what it printed, stripped."""
        return self.run(*arguments).stdout.decode().strip()

    def has_image(self, name: str) -> bool:
        """Tell whether the engine holds the image."""
        return self.run("image", "inspect", name, check=False).returncode == 0


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """Give an engine: the running one when it answers, else one that is started in `folder` and ended afterwards.

    Raises ToolMissing, which says what to install, when there is neither.
    """
    client = _client()
    running = Engine(client, {})
    if running.run("version", check=False, seconds=30).returncode == 0:
        yield running
        return
    with _own_daemon(folder) as socket:
        yield Engine(client, {"DOCKER_HOST": f"unix://{socket}"})


def _client() -> Path:
    """Return the first docker client that builds with BuildKit: up to version 22 by itself, later ones with buildx."""
    found = [path for path in (shutil.which("docker"), "/usr/bin/docker") if path and os.access(path, os.X_OK)]
    for path in found:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
        version = re.search(r"version (\d+)\.", said)
        if version and int(version[1]) <= LAST_CLI_WITHOUT_BUILDX:
            return Path(path)
        if not subprocess.run([path, "buildx", "version"], capture_output=True, timeout=30, check=False).returncode:
            return Path(path)
    raise ToolMissing(f"there is no docker client with BuildKit ({', '.join(found) or 'none in PATH'}): {HOW}")


@contextmanager
def _own_daemon(folder: Path) -> Iterator[Path]:
    dockerd = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if dockerd is None or os.geteuid() != 0:
        why = "there is no dockerd to start" if dockerd is None else "only root can start one"
        raise ToolMissing(f"no Docker engine answers, and {why}: {HOW}")
    socket = folder / "docker.sock"
    daemon = Daemon("dockerd", folder, _command(dockerd, folder=folder, socket=socket))
    daemon.start()
    try:
        _await(daemon, socket=socket)
        yield socket
    finally:
        _end(daemon)


def _end(daemon: Daemon) -> None:
    """Let dockerd end in order: a signal to `unshare`, which started it, would kill it."""
    if daemon.pid is not None:
        for child in Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)
    daemon.end(signal.SIGCONT, seconds=20)


def _command(dockerd: str, *, folder: Path, socket: Path) -> list[str]:
    data = cached_tool("docker", version=DATA_VERSION)
    data.mkdir(parents=True, exist_ok=True)
    return [
        # Mounts and processes of builds are gone with the first process in these namespaces, however it ends.
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        dockerd,
        f"--data-root={data}",
        f"--exec-root={folder / 'docker-run'}",
        f"--pidfile={folder / 'dockerd.inner.pid'}",
        f"--host=unix://{socket}",
        *("--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=overlay2", "--log-level=warn"),
    ]


def _await(daemon: Daemon, *, socket: Path) -> None:
    say("starting a dockerd for the build")
    probe = Engine(_client(), {"DOCKER_HOST": f"unix://{socket}"})
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if daemon.pid is None:
            break
        if socket.exists() and probe.run("version", check=False, seconds=30).returncode == 0:
            return
        time.sleep(0.2)
    raise RuntimeError(f"dockerd does not answer:\n{daemon.log_tail()}")
