"""The pause program, which holds a pod's namespaces (and those of the node itself), built from its source here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from hack.tool_cache import ToolMissing, cached_tool, make_once

VERSION = "1"  # to be raised with the source
SOURCE = Path(__file__).parent / "pause" / "main.go"
BUILD_SECONDS = 600


def pause_program() -> Path:
    """Return the program, statically linked; it is built first when it is not in the cache."""
    return make_once(cached_tool("pause", version=VERSION), make=_build)


def _build(scratch: Path) -> Path:
    go = shutil.which("go")
    if go is None:
        raise ToolMissing("the pause program is built from source, and there is no `go` in PATH: install Go")
    binary = scratch / "pause"
    done = subprocess.run(
        [go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(binary), str(SOURCE)],
        env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "", "GO111MODULE": "off"},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise ToolMissing(f"the pause program cannot be built:\n{done.stderr[-2000:]}")
    return binary
