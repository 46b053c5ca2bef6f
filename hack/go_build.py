"""Build a program from its Go module, in a scratch module, with whatever module proxy the machine is set to."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hack.tool_cache import ToolMissing, say

GO_DIRECTIVE = "1.26.0"
PROGRESS_SECONDS = 30
NICENESS = 10
LOG_TAIL_CHARACTERS = 3000


@dataclass(frozen=True)
class GoProgram:
    """A program in a Go module; versions carry their `v`.

    `staging_version` is the version at which the modules that the module replaces by its own folders are
    published (Kubernetes: `v0.<minor>.<patch>`); None when it replaces none. `elsewhere` goes on after "install Go":
    another way to the program.
    """

    name: str
    module: str
    version: str
    package: str
    takes: str
    staging_version: str | None = None
    ldflags: str = "-s -w"
    elsewhere: str = ""


def build(program: GoProgram, *, scratch: Path) -> Path:
    """Build `program` in the empty folder `scratch` and return the binary; raises ToolMissing with the reason."""
    go = shutil.which("go")
    if go is None:
        raise ToolMissing(
            f"{program.name} {program.version} is built from source, and there is no `go` in PATH. Install Go "
            f"{GO_DIRECTIVE} or newer{program.elsewhere}."
        )
    say(f"building {program.name} {program.version}, {program.takes} the first time")
    started = time.monotonic()
    replaced = _staging_modules(program, go=go, scratch=scratch) if program.staging_version else ()
    (scratch / "go.mod").write_text(_go_mod(program, replaced=replaced))
    (scratch / "tools.go").write_text(f'package scratch\n\nimport _ "{program.package}"\n')
    _run([go, "mod", "tidy"], program=program, scratch=scratch)
    binary = scratch / program.name
    flags = ["-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", program.ldflags]
    _run([go, "build", *flags, "-o", str(binary), program.package], program=program, scratch=scratch)
    say(f"built {program.name} {program.version} in {time.monotonic() - started:.0f} s")
    return binary


def _staging_modules(program: GoProgram, *, go: str, scratch: Path) -> Sequence[str]:
    """Read the names of the replaced modules from the module's own go.mod."""
    command = [go, "mod", "download", "-json", f"{program.module}@{program.version}"]
    answer = _run(command, program=program, scratch=scratch)
    own = Path(json.loads(answer)["GoMod"]).read_text()
    return re.findall(r"^\s*(?:replace )?(\S+) => \./staging/", own, re.MULTILINE)


def _go_mod(program: GoProgram, *, replaced: Sequence[str]) -> str:
    replacements = "".join(f"replace {name} => {name} {program.staging_version}\n" for name in replaced)
    return f"module scratch\n\ngo {GO_DIRECTIVE}\n\nrequire {program.module} {program.version}\n\n{replacements}"


def _run(command: Sequence[str], *, program: GoProgram, scratch: Path) -> str:
    """Run one step of the build, nice'd, and return its stdout; says every half minute that it goes on."""
    log, output = scratch / "log", scratch / "output"
    with log.open("w") as errors, output.open("w") as out:
        process = _start(command, scratch=scratch, out=out, errors=errors)
        started = time.monotonic()
        while True:
            try:
                process.wait(PROGRESS_SECONDS)
                break
            except subprocess.TimeoutExpired:
                say(f"  {program.name}: {command[1]} goes on, {time.monotonic() - started:.0f} s")
            except BaseException:
                process.kill()
                process.wait()
                raise
    if process.returncode != 0:
        # `go mod download -json` writes its error to stdout.
        tail = (output.read_text() + log.read_text(errors="replace"))[-LOG_TAIL_CHARACTERS:]
        raise ToolMissing(f"`go {command[1]}` for {program.name} {program.version} failed:\n{tail}")
    return output.read_text()


def _start(command: Sequence[str], *, scratch: Path, out: IO[str], errors: IO[str]) -> subprocess.Popen[str]:
    # GOWORK and GOFLAGS of the caller could point the build at another module.
    environment = {**os.environ, "GOWORK": "off", "GOFLAGS": "-mod=mod"}
    process = subprocess.Popen(command, cwd=scratch, env=environment, stdout=out, stderr=errors, text=True)
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    return process
