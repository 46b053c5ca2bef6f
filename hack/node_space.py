"""The namespaces in which a node lives: mounts, network and processes of its own, gone as a whole with one process.

The machine keeps nothing of a node: neither its mounts, bridge, iptables rules and pods, nor what kubelet writes to
fixed places. A pair of interfaces leads from the machine to the node's addresses, pods and Services.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hack.daemon import Daemon

BRIDGE = "cni0"
BRIDGE_ADDRESS = "10.244.0.1"
POD_RANGE = "10.244.0.0/24"
SERVICE_RANGE = "10.96.0.0/16"
LINK = "jethook-node"  # the machine's end of the pair; 15 characters at most
LINK_ADDRESS = "10.245.0.1"
INNER_ADDRESS = "10.245.0.2"
COMMAND_SECONDS = 120.0
START_SECONDS = 10.0
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# kubelet, containerd and iptables write here whatever they are told; inside, each is an empty folder in memory.
PRIVATE_FOLDERS = ("/run", "/var/log", "/var/lib/kubelet", "/var/lib/cni")

_SETUP = f"""
set -eu
mount --make-rshared /
for folder in {" ".join(PRIVATE_FOLDERS)}; do mount -t tmpfs tmpfs $folder; done
ip link set lo up
ip link add {BRIDGE} type bridge
ip addr add {BRIDGE_ADDRESS}/24 dev {BRIDGE}
ip link set {BRIDGE} up
ip addr add {INNER_ADDRESS}/30 dev uplink
ip link set uplink up
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables
"""


class NodeSpace:
    """The namespaces, held by the process `init` in `folder`; `start`, run things inside, `end`.

    Another process finds them again by the pid file in the folder.
    """

    def __init__(self, folder: Path, *, pause: Path, path: Sequence[Path]) -> None:
        """Lay out; nothing runs yet. `path` are folders that come first in PATH inside."""
        self.folder = folder
        self._pause = pause
        self._path = ":".join([*map(str, path), SYSTEM_PATH])
        self._holder = Daemon("init", folder, self._holder_command())

    @property
    def alive(self) -> bool:
        """Tell whether the namespaces are there."""
        return self._holder.pid is not None

    def start(self) -> None:
        """Make the namespaces and their network; RuntimeError when another node has the addresses or a step fails."""
        if Path(f"/sys/class/net/{LINK}").exists():
            raise RuntimeError(
                f"another node runs on this machine (the interface {LINK} is there): end it with "
                "`python -m hack.node down --dir DIR`"
            )
        made = [folder for folder in PRIVATE_FOLDERS if not Path(folder).exists()]
        for folder in made:
            Path(folder).mkdir(parents=True)
        (self.folder / "made-folders").write_text("".join(f"{folder}\n" for folder in made))
        shutil.copy(self._pause, self.folder / "init")
        self._holder.start()
        pid = self._await_inner()
        _run(["ip", "link", "add", LINK, "type", "veth", "peer", "name", "uplink", "netns", str(pid)])
        _run(["ip", "addr", "add", f"{LINK_ADDRESS}/30", "dev", LINK])
        _run(["ip", "link", "set", LINK, "up"])
        self.run("sh", "-c", _SETUP)
        for addresses in (POD_RANGE, SERVICE_RANGE):
            _run(["ip", "route", "add", addresses, "via", INNER_ADDRESS])

    def command(self, *arguments: str, environment: Mapping[str, str] | None = None) -> list[str]:
        """Give the command that runs `arguments` inside."""
        variables = {"PATH": self._path, **(environment or {})}
        inner = self._inner_pid()
        enter = ["nsenter", f"--target={inner}", "--mount", "--net", "--pid", "--"]
        return [*enter, "env", *(f"{name}={value}" for name, value in variables.items()), *arguments]

    def run(
        self, *arguments: str, stdin: bytes | None = None, check: bool = True, seconds: float = COMMAND_SECONDS
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program inside and wait for it; with `check`, RuntimeError carries what it said."""
        return _run(self.command(*arguments), stdin=stdin, check=check, seconds=seconds)

    def end(self) -> None:
        """Kill everything inside at once, and with it the network; what it left on the machine's disk stays."""
        self._holder.end(signal.SIGKILL)
        _remove_link()
        made = self.folder / "made-folders"
        for folder in made.read_text().split() if made.exists() else ():
            with_only_empty = Path(folder)
            if with_only_empty.is_dir() and not any(with_only_empty.iterdir()):
                with_only_empty.rmdir()

    def _holder_command(self) -> list[str]:
        spaces = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
        return ["unshare", *spaces, str(self.folder / "init")]

    def _await_inner(self) -> int:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            pid = self._inner_pid(check=False)
            if pid and _runs(pid, program="init"):
                return pid
            time.sleep(0.02)
        raise RuntimeError(f"the namespaces of the node could not be made:\n{self._holder.log_tail()}")

    def _inner_pid(self, *, check: bool = True) -> int:
        """Give the pid, as the machine sees it, of the first process inside; 0 when there is none yet."""
        pid = self._holder.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if pid else []
        if not children and check:
            raise RuntimeError("the node does not run")
        return int(children[0]) if children else 0


def _runs(pid: int, *, program: str) -> bool:
    """Tell whether the process has come so far as to run the program: before, its namespaces are not all made."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == program
    except OSError:
        return False


def _remove_link() -> None:
    """Remove the machine's end of the pair; the kernel does it too, when the last process inside is gone."""
    if Path(f"/sys/class/net/{LINK}").exists():
        _run(["ip", "link", "delete", LINK], check=False)


def _run(
    command: Sequence[str], *, stdin: bytes | None = None, check: bool = True, seconds: float = COMMAND_SECONDS
) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"}
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=seconds, check=False, env=environment)
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace")[-3000:]
        raise RuntimeError(f"{' '.join(command)[:300]}: exit code {done.returncode}: {said}")
    return done
