"""The docs say what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.repository.files import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = [contract["name"] for contract in PYPROJECT["tool"]["importlinter"]["contracts"]]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)")


def _dependencies() -> set[str]:
    project = PYPROJECT["project"]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *PYPROJECT["dependency-groups"].values(),
    ]
    names = {re.split(r"[\[<>=!~ ]", entry, maxsplit=1)[0] for group in groups for entry in group}
    return names - {"jethook"}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_architecture_page_has_each_import_contract_in_its_own_words(contract: str) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert f"- **{contract}**" in re.sub(r"\s+", " ", page)


def test_the_architecture_page_has_no_other_rule() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page.partition("## Direction of imports")[2].partition("\n## ")[0]
    assert len(re.findall(r"^- \*\*", section, re.MULTILINE)) == len(CONTRACTS)


def test_every_dependency_has_its_reason_and_nothing_else_has() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    rows = [re.split(r" *\| *", line.strip("| ")) for line in page.splitlines() if line.startswith("| ")]
    entries = [row for row in rows if row[0] not in ("name", "---")]
    assert {row[0] for row in entries} == _dependencies()
    for name, reason, licence, release in entries:
        assert len(reason.split()) >= 4, name
        assert licence
        assert re.fullmatch(r"20\d\d-\d\d", release), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    missing = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert missing == []
