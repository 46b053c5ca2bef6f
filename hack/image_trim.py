"""Make an installed virtual environment small: a step of the Dockerfile, run by that environment's own Python.

Usage: /opt/jethook/bin/python -P hack/image_trim.py PART    dispatcher or operator: whose process the image runs

Bytecode is kept for what Jethook imports when it starts, instead of for every module that a wheel ships; sources of
large pure packages, of which a process reads a few modules in hundreds, go into one archive that Python imports from.
It needs the standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

# Pure Python without data files, and large: the Kubernetes client alone is two thirds of the environment.
ARCHIVED = ("kubernetes", "oauthlib", "prompt_toolkit", "pycparser", "pygments", "wcwidth")
ARCHIVE = "libraries.zip"
# What wheels ship for those who compile, check types or test: no process reads it.
UNREAD_SUFFIXES = {".pyx", ".pxd", ".pyi", ".c", ".h", ".tmpl"}
UNREAD_FOLDERS = {"tests", "test"}
IMPORT_ALL = """
import importlib, pkgutil, sys
for name in ("contract", "processing", sys.argv[1], "cli"):
    package = importlib.import_module("jethook_" + name)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".", onerror=lambda name: None):
        if module.name.endswith(".__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as exc:  # a command for which this image has no libraries
            if (exc.name or "").startswith("jethook"):
                raise
"""
COMMANDS = ((), ("--help",), ("receiver", "--help"), ("publish", "--help"))


def trim(packages: Path, *, part: str) -> None:
    """Trim the folder of installed packages in place; `part` is `dispatcher` or `operator`."""
    _remove_unread(packages)
    _remember_bytecode(packages, part=part)
    archive(packages, names=ARCHIVED)


def archive(packages: Path, *, names: tuple[str, ...]) -> None:
    """Move the packages `names`, those that are there, into one archive beside them, and put it on the path."""
    with zipfile.ZipFile(packages / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as place:
        for name in names:
            for source in sorted((packages / name).rglob("*.py")):
                place.write(source, source.relative_to(packages))
                bytecode = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
                if bytecode.exists():
                    place.write(bytecode, source.with_suffix(".pyc").relative_to(packages))
            shutil.rmtree(packages / name, ignore_errors=True)
    (packages / "libraries.pth").write_text(f"{packages / ARCHIVE}\n")


def _remove_unread(packages: Path) -> None:
    for folder in [path for path in packages.rglob("*") if path.is_dir() and path.name in UNREAD_FOLDERS]:
        shutil.rmtree(folder, ignore_errors=True)
    for path in list(packages.rglob("*")):
        if path.suffix in UNREAD_SUFFIXES:
            path.unlink()


def _remember_bytecode(packages: Path, *, part: str) -> None:
    """Let the interpreter write the bytecode of whatever is imported."""
    for folder in list(packages.rglob("__pycache__")):
        shutil.rmtree(folder)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = Path(sys.executable).parent / "jethook"
    subprocess.run([sys.executable, "-P", "-W", "ignore", "-c", IMPORT_ALL, part], env=environment, check=True)
    for arguments in COMMANDS:
        # Without arguments it prints its help and exits with 2.
        subprocess.run([str(command), *arguments], env=environment, stdout=subprocess.DEVNULL, check=bool(arguments))


if __name__ == "__main__":
    trim(Path(sysconfig.get_path("purelib")), part=sys.argv[1])
