"""A base image with Python where no registry can be reached: Debian's own, made by debootstrap, once.

It stands in for the public Python image: the same release of Debian, its Python 3.13, and the certificates it trusts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

from hack.tool_cache import ToolMissing, cached_tool, make_once, say

SUITE = "trixie"
PACKAGES = "python3,python3-venv,ca-certificates"
VERSION = "13-1"  # the release of Debian, and of this recipe
NAME = "jethook-base:trixie-python3.13"
DEBOOTSTRAP_SECONDS = 1200
# What apt and dpkg need to go on working is not needed in an image that nobody installs into.
UNNEEDED = ("var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/man", "usr/share/locale")


def base_archive() -> Path:
    """Return the base's file system as a tar archive, made first when it is not in the cache (about a minute).

    Raises ToolMissing when debootstrap is not installed, this is not root, or the packages cannot be had.
    """
    return make_once(cached_tool("base-image", version=VERSION), make=_make)


def _make(scratch: Path) -> Path:
    if shutil.which("debootstrap", path=_path()) is None or os.geteuid() != 0:
        raise ToolMissing(
            "the base image cannot be pulled, and to make one takes root and debootstrap: "
            "apt-get install debootstrap, or name a base image that is here with BASE_IMAGE=NAME"
        )
    say("making a base image from Debian packages, about a minute the first time")
    tree, archive = scratch / "tree", scratch / "base.tar"
    # In a mount namespace of its own: what debootstrap mounts and forgets is gone with it.
    command = ["unshare", "--mount", "debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(tree)]
    mirror = os.environ.get("DEBIAN_MIRROR")
    _run([*command, *([mirror] if mirror else [])])
    for folder in UNNEEDED:
        shutil.rmtree(tree / folder, ignore_errors=True)
        (tree / folder).mkdir(parents=True, exist_ok=True)
    _run(["tar", "--create", "--one-file-system", "--numeric-owner", f"--file={archive}", f"--directory={tree}", "."])
    return archive


def _run(command: list[str]) -> None:
    run = partial(subprocess.run, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    done = run(command, env={**os.environ, "PATH": _path()}, timeout=DEBOOTSTRAP_SECONDS)
    if done.returncode != 0:
        raise ToolMissing(f"{command[0]} for the base image failed:\n{done.stdout[-3000:]}")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
