"""An import that the architecture forbids is noticed, and named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository.files import ROOT, SOURCE_ROOTS

BROKEN = [
    ("contract/jethook_contract/errors.py", "jethook_processing.parse", "contract <- processing <-"),
    ("processing/jethook_processing/parse.py", "jethook_operator.core", "contract <- processing <-"),
    ("operator/jethook_operator/core/__init__.py", "jethook_dispatcher.core", "contract <- processing <-"),
    ("dispatcher/jethook_dispatcher/core/__init__.py", "jethook_operator.api", "contract <- processing <-"),
    ("gateway/jethook_gateway/__init__.py", "jethook_storage", "contract <- processing <-"),
    ("dispatcher/jethook_dispatcher/core/__init__.py", "jethook_cli", "contract <- processing <-"),
    ("operator/jethook_operator/api/__init__.py", "jethook_operator.core", "inside the operator:"),
    ("operator/jethook_operator/core/__init__.py", "jethook_operator.shell", "inside the operator:"),
    ("dispatcher/jethook_dispatcher/core/__init__.py", "jethook_dispatcher.shell", "inside the dispatcher:"),
    ("operator/jethook_operator/core/__init__.py", "asyncio", "a core imports no"),
    ("dispatcher/jethook_dispatcher/core/__init__.py", "time", "a core imports no"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    for root in SOURCE_ROOTS:
        shutil.copytree(ROOT / root, folder / root, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_contracts_hold_in_a_copy(copy: Path) -> None:
    result = _lint(copy)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(("module", "imported", "contract"), BROKEN)
def test_a_forbidden_import_is_noticed_and_named(copy: Path, module: str, imported: str, contract: str) -> None:
    path = copy / module
    before = path.read_text()
    path.write_text(f"{before}\nimport {imported}\n")
    try:
        result = _lint(copy)
    finally:
        path.write_text(before)
    importer = ".".join(Path(module).with_suffix("").parts[1:]).removesuffix(".__init__")
    assert result.returncode == 1, result.stdout
    assert contract in result.stdout.partition("Broken contracts")[2]
    assert f"{importer} -> {imported}" in result.stdout


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    # PYTHONPATH comes before the installed package, so that the copy is what is read.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(folder / root) for root in SOURCE_ROOTS)}
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
