"""Tools are found where the user says, made once, and missed with a reason."""

import threading
import time
from pathlib import Path

import pytest

from hack import tools
from hack.tool_cache import ToolMissing, cached_tool, make_once


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


def test_the_folder_of_kubebuilder_assets_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = _program(tmp_path / "assets" / "etcd")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(program.parent))
    assert tools.find_tool("etcd") == program
    with pytest.raises(ToolMissing, match="which holds no program kube-apiserver"):
        tools.find_tool("kube-apiserver")


def test_a_cached_tool_is_not_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    place = _program(cached_tool("etcd", version=tools.VERSIONS["etcd"]))
    assert tools.find_tool("etcd") == place


def test_without_go_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissing, match=r"Install Go 1\.26\.0 or newer, or set KUBEBUILDER_ASSETS"):
        tools.find_tool("kube-apiserver")


def test_a_failed_build_says_what_go_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = _program(tmp_path / "bin" / "go", script="echo 'module lookup disabled'; echo 'giving up' >&2; exit 1")
    monkeypatch.setenv("PATH", str(go.parent))
    with pytest.raises(ToolMissing, match=r"(?s)for kube-apiserver v1.* failed:.*lookup disabled.*giving up"):
        tools.find_tool("kube-apiserver")


@pytest.mark.parametrize(("minor", "taken"), [("34", False), ("35", True), ("40+", True)])
def test_kubectl_in_path_is_taken_when_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, minor: str, taken: bool
) -> None:
    answer = f'{{"clientVersion": {{"gitVersion": "v1.{minor}.2"}}}}'
    installed = _program(tmp_path / "bin" / "kubectl", script=f"echo '{answer}'")
    monkeypatch.setenv("PATH", str(installed.parent))
    assert tools._kubectl_in_path() == (installed if taken else None)


@pytest.mark.parametrize(("major", "taken"), [("3", False), ("4", True), ("10", True)])
def test_helm_in_path_is_taken_when_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, major: str, taken: bool
) -> None:
    installed = _program(tmp_path / "bin" / "helm", script=f"echo 'v{major}.1.2+gabcdef0'")
    monkeypatch.setenv("PATH", str(installed.parent))
    assert tools._helm_in_path() == (installed if taken else None)


@pytest.mark.parametrize(("arguments", "code"), [(["--optional", "etcd"], 0), (["etcd"], 1)])
def test_a_missing_tool_is_an_error_unless_optional(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    monkeypatch.setenv("PATH", "")
    assert tools.main(arguments) == code
    assert "the api layer cannot run: etcd v3" in capsys.readouterr().err


def test_of_several_at_once_one_makes_the_tool(tmp_path: Path) -> None:
    made = []

    def make(scratch: Path) -> Path:
        made.append(scratch)
        time.sleep(0.1)  # so that the others come while it works
        return _program(scratch / "tool")

    place = tmp_path / "tool" / "1" / "tool"
    threads = [threading.Thread(target=lambda: make_once(place, make=make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert place.exists()


def test_a_failed_making_leaves_nothing_behind(tmp_path: Path) -> None:
    def make(scratch: Path) -> Path:
        (scratch / "half").write_text("")
        raise ToolMissing("no network")

    place = tmp_path / "tool" / "1" / "tool"
    with pytest.raises(ToolMissing, match="no network"):
        make_once(place, make=make)
    assert [path.name for path in place.parent.iterdir()] == [".lock"]


def _program(path: Path, *, script: str = "true") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
