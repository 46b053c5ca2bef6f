"""Build the images of Jethook, check their size, and copy out what is in them (`make image`).

Usage: python -m hack.image [--target dispatcher|operator] [--tag TAG] [--output DIR]

BASE_IMAGE names the base; without it the Dockerfile's own is taken, and where that can be neither found nor pulled, one
made from Debian packages (root). Prints a line of JSON for each image: its name, size, and size above the base.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hack.image_base import NAME as OWN_BASE
from hack.image_base import base_archive
from hack.image_engine import Engine, engine
from hack.image_pip import pip_secrets
from hack.tool_cache import ToolMissing, say

ROOT = Path(__file__).parent.parent
TARGETS = ("dispatcher", "operator")
SBOM = "/usr/share/jethook/sbom.cdx.json"
MOST_BYTES_ABOVE_BASE = {"dispatcher": 100_000_000, "operator": 120_000_000}
PULL_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its name with tag, its size, and how much of that is above the base image."""

    name: str
    base: str
    bytes: int
    bytes_above_base: int


def build_image(running: Engine, *, target: str, tag: str, folder: Path) -> Image:
    """Build one target as `jethook/<target>:<tag>` on the base that `find_base` gives; RuntimeError when it fails."""
    base = find_base(running)
    name = f"jethook/{target}:{tag}"
    say(f"building {name} on {base}")
    running.run(
        *("build", "--network=host", f"--target={target}", f"--tag={name}"),
        *(f"--build-arg=BASE_IMAGE={base}", f"--build-arg=VERSION={_version()}", f"--build-arg=REVISION={_revision()}"),
        *pip_secrets(folder),
        str(ROOT),
    )
    size, below = _bytes(running, name), _bytes(running, base)
    return Image(name, base, size, size - below)


def too_many_bytes(image: Image, *, target: str) -> list[str]:
    """Say that an image is too large, or nothing."""
    most = MOST_BYTES_ABOVE_BASE[target]
    fault = f"{image.name} has {image.bytes_above_base} bytes above its base, {most} are the most"
    return [fault] if image.bytes_above_base > most else []


def find_base(running: Engine) -> str:
    """Name a base image that the engine holds: BASE_IMAGE, the Dockerfile's, or one made from Debian packages."""
    named = os.environ.get("BASE_IMAGE")
    public = named or _dockerfile_base()
    if running.has_image(public):
        return public
    pulled = running.run("pull", "--quiet", public, check=False, seconds=PULL_SECONDS)
    if pulled.returncode == 0:
        return public
    if named:
        raise ToolMissing(f"BASE_IMAGE={named} is not here and cannot be pulled: {pulled.stderr.decode().strip()}")
    if not running.has_image(OWN_BASE):
        say(f"{public} cannot be pulled")
        running.run("import", str(base_archive()), OWN_BASE)
    return OWN_BASE


def copy_out(running: Engine, *, image: Image, target: str, output: Path) -> Path:
    """Copy the bill of materials of an image into `output`, and return the file."""
    output.mkdir(parents=True, exist_ok=True)
    place = output / f"{target}.sbom.cdx.json"
    container = running.text("create", "--network=none", image.name)
    try:
        running.run("cp", f"{container}:{SBOM}", str(place))
    finally:
        running.run("rm", container)
    return place


def save_images(running: Engine, *, images: Sequence[str], place: Path) -> Path:
    """Write images into one archive, as `docker load` and `ctr images import` read it, and return its path."""
    running.run("save", f"--output={place}", *images)
    return place


def main(arguments: list[str]) -> int:
    """Build what is asked for; 2 when something to build with is missing, 1 when a build fails or is too large."""
    parser = argparse.ArgumentParser(prog="python -m hack.image", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--target", choices=TARGETS, action="append", help="default: each")
    parser.add_argument("--tag", default=_version())
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder for the bills of materials")
    parser.add_argument("--save", type=Path, help="also write all images into this archive (`docker save`)")
    asked = parser.parse_args(arguments)
    try:
        return _build_all(asked.target or list(TARGETS), tag=asked.tag, output=asked.output, save=asked.save)
    except ToolMissing as missing:
        say(f"no image can be built: {missing}")
        return 2
    except RuntimeError as failure:
        say(str(failure))
        return 1


def _build_all(targets: list[str], *, tag: str, output: Path, save: Path | None) -> int:
    too_large: list[str] = []
    with tempfile.TemporaryDirectory(prefix="jethook-image-") as place, engine(Path(place)) as running:
        images = []
        for target in targets:
            image = build_image(running, target=target, tag=tag, folder=Path(place))
            images.append(image.name)
            print(
                json.dumps({**asdict(image), "sbom": str(copy_out(running, image=image, target=target, output=output))})
            )
            too_large += too_many_bytes(image, target=target)
        if save:
            save_images(running, images=images, place=save)
    for text in too_large:
        say(text)
    return 1 if too_large else 0


def _dockerfile_base() -> str:
    found = re.search(r"^ARG BASE_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("the Dockerfile names no BASE_IMAGE")
    return found[1]


def _version() -> str:
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("pyproject.toml has no version")
    return found[1]


def _revision() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() or "unknown"


def _bytes(running: Engine, name: str) -> int:
    return int(running.text("image", "inspect", "--format={{.Size}}", name))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
