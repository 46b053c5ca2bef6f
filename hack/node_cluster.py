"""The cluster for the end-to-end tests: the user's own, one of kind, or a node of ours.

Usage: python -m hack.node_cluster              say which it would be; 2 when there is none, with what is missing
       python -m hack.node_cluster --packages   print the Debian packages that are missing for a node of ours

The first that is there: the cluster of $KUBECONFIG_UNDER_TEST; kind, when it and a Docker engine are; `hack.node`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from hack.node import Node
from hack.node_machine import missing_packages, node_tools
from hack.tool_cache import ToolMissing, say

KUBECONFIG_VARIABLE = "KUBECONFIG_UNDER_TEST"
KIND_NAME = "jethook-e2e"
KIND_CONFIG = Path(__file__).parent / "kind.yaml"
KIND_SECONDS = 900.0
# The programs with which images are built on a machine without an engine, and their packages.
IMAGE_PACKAGES = {"dockerd": "docker.io", "debootstrap": "debootstrap"}


class Cluster(Protocol):
    """A cluster to install into."""

    @property
    def title(self) -> str:
        """Say which it is, in a few words."""

    @property
    def kubeconfig(self) -> Path:
        """The file of a client with all rights."""

    @property
    def takes_images(self) -> bool:
        """Tell whether `load_image` brings images in; else the cluster pulls them by itself."""

    @property
    def pulls_public_images(self) -> bool:
        """Tell whether the cluster can pull what is public."""

    def load_image(self, archive: Path) -> None:
        """Bring the images of an archive to every node."""


class OwnCluster:
    """The cluster of $KUBECONFIG_UNDER_TEST: nothing is started, and its images are where it pulls them from."""

    title = f"the cluster of ${KUBECONFIG_VARIABLE}"
    takes_images = False
    pulls_public_images = True

    def __init__(self, kubeconfig: Path) -> None:
        """Take the file as it is."""
        self.kubeconfig = kubeconfig

    def load_image(self, archive: Path) -> None:
        """Refuse: there is no general way."""
        raise RuntimeError(f"{archive} cannot be brought into {self.title}: push the images, and name them")


class KindCluster:
    """A cluster of kind, made in `folder`'s name and deleted afterwards."""

    title = "kind"
    takes_images = True
    pulls_public_images = True

    def __init__(self, folder: Path) -> None:
        """Name its kubeconfig; `start` makes it."""
        self.kubeconfig = folder / "kubeconfig"

    def start(self) -> None:
        """Make the cluster and wait until its nodes are Ready."""
        self._kind("create", "cluster", f"--config={KIND_CONFIG}", "--wait=180s")

    def load_image(self, archive: Path) -> None:
        """Bring the images to both nodes."""
        self._kind("load", "image-archive", str(archive))

    def close(self) -> None:
        """Delete the cluster."""
        self._kind("delete", "cluster")

    def _kind(self, *arguments: str) -> None:
        command = ["kind", *arguments, f"--name={KIND_NAME}"]
        if arguments[0] != "load":
            command.append(f"--kubeconfig={self.kubeconfig}")
        done = subprocess.run(command, capture_output=True, text=True, timeout=KIND_SECONDS, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr[-3000:]}")


class NodeCluster:
    """A node of ours."""

    title = "a node of our own"
    takes_images = True
    pulls_public_images = False

    def __init__(self, folder: Path) -> None:
        """Find its programs; ToolMissing says what this machine lacks."""
        self._node = Node(folder)
        self.kubeconfig = self._node.kubeconfig
        self.start = self._node.start
        self.load_image = self._node.load_image
        self.close = self._node.close


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Give the cluster, with its state in `folder`; what was started is ended. ToolMissing: there is none."""
    named = os.environ.get(KUBECONFIG_VARIABLE)
    if named:
        yield OwnCluster(Path(named))
        return
    made = KindCluster(folder) if _has_kind() else NodeCluster(folder)
    try:
        made.start()
        yield made
    finally:
        made.close()


def which_cluster() -> str:
    """Say which cluster `cluster` would give; ToolMissing says what is missing, and how to get it."""
    named = os.environ.get(KUBECONFIG_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise ToolMissing(f"{KUBECONFIG_VARIABLE} is {named}, which is no file")
        return OwnCluster.title
    if _has_kind():
        return KindCluster.title
    if packages := packages_to_install():
        raise ToolMissing(
            f"no ${KUBECONFIG_VARIABLE}, no kind with a Docker engine, and a node of our own needs more programs: "
            f"apt-get install {' '.join(packages)}"
        )
    node_tools()
    return NodeCluster.title


def packages_to_install() -> list[str]:
    """Name the missing Debian packages for a node of ours and the images on it, sorted."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    builders = [package for program, package in IMAGE_PACKAGES.items() if shutil.which(program, path=path) is None]
    return sorted({*missing_packages(), *builders})


def main(arguments: list[str]) -> int:
    """Say which cluster there is."""
    parser = argparse.ArgumentParser(prog="python -m hack.node_cluster", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--packages", action="store_true", help="print missing Debian packages, on one line")
    if parser.parse_args(arguments).packages:
        print(*packages_to_install())
        return 0
    try:
        print(f"end-to-end tests run on {which_cluster()}")
    except ToolMissing as missing:
        say(f"end-to-end tests cannot run: {missing}")
        return 2
    return 0


def _has_kind() -> bool:
    """Tell whether kind is installed and a Docker engine answers; kind pulls its node image where it is not there."""
    if shutil.which("kind") is None or shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, timeout=30, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
