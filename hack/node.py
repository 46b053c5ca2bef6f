"""One-node Kubernetes with real pods, as root on one Linux machine, without a registry of images.

Usage: python -m hack.node up --dir D             start; prints the kubeconfig's path
       python -m hack.node load --dir D ARCHIVE   import an archive of images (`docker save`, OCI)
       python -m hack.node down --dir D           end everything and remove the folder D

Built from source once and cached: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, containerd, kubelet,
kube-proxy, coredns. They live in namespaces of their own (`hack.node_space`), so that nothing of them stays behind.
Not here: network policies are not enforced, four volumes are all there are, no name outside the cluster is known.
"""

from __future__ import annotations

import argparse
import shutil
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from hack import node_settings as settings
from hack.daemon import Daemon
from hack.image_archive import ProgramImage, write_archive
from hack.node_credentials import NODE_NAME, Credentials
from hack.node_machine import node_tools, remove_pod_groups, restore_kernel_settings, save_kernel_settings
from hack.node_pause import pause_program
from hack.node_space import BRIDGE_ADDRESS, NodeSpace
from hack.tool_cache import ToolMissing, say

READY_SECONDS = 120.0
KUBECTL_SECONDS = 120.0
IMPORT_SECONDS = 600.0
CONTAINERD_NAMESPACE = "k8s.io"


class Node:
    """A cluster of one node that lives in `folder`: `start`, `load_image`, `kubectl`; `close` leaves nothing.

    Making one finds or builds its programs: ToolMissing says what this machine lacks. Sockets lie in the folder, and
    the system bounds their paths: keep the folder's own below 60 characters.
    """

    def __init__(self, folder: Path) -> None:
        """Find the programs and lay out the folder; nothing runs yet."""
        self.folder = folder.absolute()
        self.tools = node_tools()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.credentials = Credentials(self.folder / "credentials")
        self.kubeconfig = self.credentials.kubeconfig("admin")
        programs = [self.tools[name].parent for name in ("containerd", "containerd-shim-runc-v2")]
        self.space = NodeSpace(self.folder, pause=pause_program(), path=programs)
        self._daemons: list[Daemon] = []

    def start(self) -> None:
        """Start everything and return when the node is Ready (about 5 s); a failure ends everything again."""
        try:
            self._start()
        except BaseException:
            self._end()
            raise

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl as admin and return what it printed; with `check`, RuntimeError carries what it said."""
        command = [str(self.tools["kubectl"]), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=KUBECTL_SECONDS, check=False
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def load_image(self, archive: Path) -> None:
        """Import an archive of images into the node's runtime; pods name them with their tags."""
        address = f"--address={self.folder / 'containerd.sock'}"
        command = [str(self.tools["ctr"]), address, f"--namespace={CONTAINERD_NAMESPACE}", "images", "import"]
        self.space.run(*command, str(archive.absolute()), seconds=IMPORT_SECONDS)

    def close(self) -> None:
        """End everything, and remove what is left: mounts and network go with the namespaces, then the folder."""
        self._end()
        remove_pod_groups()
        restore_kernel_settings(self.folder / "kernel-settings")
        shutil.rmtree(self.folder)

    def _start(self) -> None:
        save_kernel_settings(self.folder / "kernel-settings")
        addresses = [BRIDGE_ADDRESS, settings.FIRST_SERVICE_ADDRESS]
        self.credentials.write(url=settings.API_URL, addresses=addresses, names=settings.API_NAMES)
        self._write_settings()
        self.space.start()
        self._run("etcd", settings.etcd(self.folder))
        self._run("kube-apiserver", settings.api_server(self.credentials))
        self._run("containerd", [f"--config={self.folder / 'containerd.toml'}"])
        self._await("the API server", self._api_is_ready)
        self._run("kube-controller-manager", settings.controller_manager(self.credentials))
        self._run("kube-scheduler", settings.scheduler(self.credentials))
        self._run("coredns", [f"-conf={self.folder / 'Corefile'}"])
        self._await("containerd", (self.folder / "containerd.sock").exists)
        pause = ProgramImage(settings.PAUSE_IMAGE, pause_program())
        self.load_image(write_archive(pause, self.folder / "pause.tar"))
        self._run("kubelet", settings.kubelet(self.folder, self.credentials))
        self._run("kube-proxy", [f"--config={self.folder / 'proxy.json'}"])
        self._await("the node", self._node_is_ready)
        self.kubectl("apply", "--filename=-", stdin=settings.volumes(self.folder / "volumes"))

    def _end(self) -> None:
        self.space.end()
        for daemon in self._daemons:
            daemon.end()  # it is gone with the namespaces: this reaps it

    def _write_settings(self) -> None:
        (self.folder / "cni").mkdir(exist_ok=True)
        for number in range(settings.VOLUMES):
            volume = self.folder / "volumes" / str(number)
            volume.mkdir(parents=True, exist_ok=True)
            volume.chmod(0o777)  # a pod has a user of its own, and kubelet gives it no folder of the node
        (self.folder / "cni" / "10-bridge.conflist").write_text(settings.network(self.folder))
        (self.folder / "containerd.toml").write_text(settings.containerd_config(self.folder))
        (self.folder / "kubelet.json").write_text(settings.kubelet_config(self.folder, self.credentials))
        (self.folder / "proxy.json").write_text(settings.proxy_config(self.credentials))
        (self.folder / "Corefile").write_text(settings.corefile(self.credentials))
        (self.folder / "resolv.conf").write_text(f"nameserver {BRIDGE_ADDRESS}\n")

    def _run(self, name: str, arguments: Sequence[str]) -> None:
        daemon = Daemon(name, self.folder, self.space.command(str(self.tools[name]), *arguments))
        daemon.start()
        self._daemons.append(daemon)

    def _await(self, what: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            for daemon in self._daemons:
                if daemon.pid is None:
                    raise RuntimeError(f"{daemon.name} ended:\n{daemon.log_tail()}")
            if ready():
                return
            time.sleep(0.2)
        tails = "\n".join(f"--- {daemon.name}\n{daemon.log_tail()[-800:]}" for daemon in self._daemons)
        raise RuntimeError(f"{what} is not ready after {READY_SECONDS:.0f} s:\n{tails}")

    def _api_is_ready(self) -> bool:
        trust = ssl.create_default_context(cafile=self.credentials.ca)
        try:
            with urllib.request.urlopen(f"{settings.API_URL}/readyz", timeout=5, context=trust) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def _node_is_ready(self) -> bool:
        path = '{.status.conditions[?(@.type=="Ready")].status}'
        return self.kubectl("get", "node", NODE_NAME, f"--output=jsonpath={path}", check=False) == "True"


def main(arguments: list[str]) -> int:
    """Start, fill or end a node; 2 when this machine lacks something, 1 when the node fails."""
    parser = argparse.ArgumentParser(prog="python -m hack.node", description=str(__doc__).partition("\n")[0])
    parser.add_argument("command", choices=["up", "load", "down"])
    parser.add_argument("--dir", type=Path, required=True, help="the folder of its data and kubeconfig")
    parser.add_argument("archives", nargs="*", type=Path, help="archives of images, for `load`")
    asked = parser.parse_intermixed_args(arguments)
    try:
        node = Node(asked.dir)
        if asked.command == "down":
            node.close()
        elif asked.command == "load":
            for archive in asked.archives:
                node.load_image(archive)
        else:
            node.start()
            print(node.kubeconfig)
    except ToolMissing as missing:
        say(str(missing))
        return 2
    except RuntimeError as failure:
        say(str(failure))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
