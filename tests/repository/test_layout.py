"""The repository keeps its own rules of layout."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.repository.files import ROOT, SOURCE_ROOTS, text_files

# Written in two parts, or this very file would name one.
MACHINE_PATH = re.compile(r"(?<![\w.$}~-])/" + r"(?:work|root|home|Users)/[\w.]")
LOCK_LINE = re.compile(
    r"[a-z0-9._-]+==[\w.+!-]+(?: ; [\w\s.<>=!'()-]+)?(?: \\)?|    --hash=sha256:[0-9a-f]{64}(?: \\)?"
)
PACKAGES = [path for root in SOURCE_ROOTS for path in (ROOT / root).rglob("__init__.py")]


@pytest.mark.parametrize("root", SOURCE_ROOTS)
def test_a_source_root_is_no_package(root: str) -> None:
    # `operator/__init__.py` would shadow the standard library for every Python started here.
    assert not (ROOT / root / "__init__.py").exists()
    assert (ROOT / root / f"jethook_{root}" / "__init__.py").exists()


def test_tests_are_no_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_starts_with_a_docstring_and_nothing_else(path: Path) -> None:
    module = ast.parse(path.read_text())
    assert len(module.body) == 1
    assert ast.get_docstring(module)


@pytest.mark.parametrize("root", SOURCE_ROOTS)
def test_every_part_says_that_it_is_typed(root: str) -> None:
    assert (ROOT / root / f"jethook_{root}" / "py.typed").exists()


def test_modules_stay_short() -> None:
    modules = [path for root in SOURCE_ROOTS for path in (ROOT / root).rglob("*.py")]
    long = {str(path.relative_to(ROOT)) for path in modules if len(path.read_text().splitlines()) > 300}
    assert long == set()


def test_locks_hold_names_versions_and_hashes_and_no_address() -> None:
    locks = sorted((ROOT / "requirements").iterdir())
    assert locks
    for lock in locks:
        lines = lock.read_text().splitlines()
        assert [line for line in lines if not LOCK_LINE.fullmatch(line)] == [], lock.name
        assert any("--hash=" in line for line in lines), lock.name


def test_no_file_names_a_path_of_a_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path, text in text_files()
        for match in MACHINE_PATH.finditer(text)
    ]
    assert found == []
