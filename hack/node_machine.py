"""What a node needs of the machine, and what it would leave there: programs, kernel settings, control groups."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from hack.go_programs import NODE_PROGRAMS
from hack.node_settings import CNI_PROGRAMS
from hack.node_space import SYSTEM_PATH
from hack.tool_cache import ToolMissing
from hack.tools import find_tool

# Program and the Debian package that has it.
PACKAGES = {
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "socat": "socat",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    f"{CNI_PROGRAMS}/bridge": "containernetworking-plugins",
    f"{CNI_PROGRAMS}/host-local": "containernetworking-plugins",
    f"{CNI_PROGRAMS}/portmap": "containernetworking-plugins",
}
TOOLS = ("etcd", "kube-apiserver", "kubectl", *NODE_PROGRAMS)
# kubelet sets these for the whole kernel.
KERNEL_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
CONTROL_GROUPS = Path("/sys/fs/cgroup")
POD_GROUP = "kubepods"


def missing_packages() -> list[str]:
    """Name the Debian packages whose programs are not installed, sorted."""
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    return sorted({package for program, package in PACKAGES.items() if shutil.which(program, path=path) is None})


def node_tools() -> dict[str, Path]:
    """Find or make every program of a node; ToolMissing says all that keeps this machine from running one."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise ToolMissing("a node of our own takes root on Linux: it makes namespaces, mounts and control groups")
    if packages := missing_packages():
        raise ToolMissing(f"a node of our own needs more programs: apt-get install {' '.join(packages)}")
    return {name: find_tool(name) for name in TOOLS}


def save_kernel_settings(place: Path) -> None:
    """Write down the kernel's settings that kubelet changes, unless that was done before."""
    if place.exists():
        return
    found = [(name, Path("/proc/sys", name)) for name in KERNEL_SETTINGS]
    place.write_text("".join(f"{name} {path.read_text().strip()}\n" for name, path in found if path.exists()))


def restore_kernel_settings(place: Path) -> None:
    """Set them back as they were written down."""
    for line in place.read_text().splitlines() if place.exists() else ():
        name, _, value = line.partition(" ")
        path = Path("/proc/sys", name)
        if path.read_text().strip() != value:
            path.write_text(f"{value}\n")


def remove_pod_groups() -> None:
    """Remove the control groups of pods, innermost first; those in which something still runs stay."""
    hierarchies = [CONTROL_GROUPS, *(path for path in CONTROL_GROUPS.iterdir() if path.is_dir())]
    for top in [hierarchy / POD_GROUP for hierarchy in hierarchies]:
        if top.is_dir():
            for folder, _, _ in os.walk(top, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
