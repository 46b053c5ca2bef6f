"""The cluster for the end-to-end tests is chosen in order, and what is missing is said with how to get it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack import node_cluster, node_machine
from hack.tool_cache import ToolMissing


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG_UNDER_TEST", raising=False)
    monkeypatch.setattr(node_machine, "SYSTEM_PATH", str(tmp_path))
    monkeypatch.setattr(node_machine, "PACKAGES", {"runc": "runc", "bridge-that-no-machine-has": "network-plugins"})


def test_the_cluster_that_the_user_names_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("")
    monkeypatch.setenv("KUBECONFIG_UNDER_TEST", str(tmp_path / "config"))
    assert node_cluster.which_cluster() == "the cluster of $KUBECONFIG_UNDER_TEST"
    with node_cluster.cluster(tmp_path) as found:
        assert found.kubeconfig == tmp_path / "config"


def test_a_named_kubeconfig_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG_UNDER_TEST", str(tmp_path / "none"))
    with pytest.raises(ToolMissing, match="is no file"):
        node_cluster.which_cluster()


def test_kind_comes_before_a_node_of_our_own(tmp_path: Path) -> None:
    for name in ("kind", "docker"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\nexit 0\n")
        program.chmod(0o755)
    assert node_cluster.which_cluster() == "kind"


def test_what_is_missing_is_named_as_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert node_cluster.main([]) == 2
    assert "apt-get install" in capsys.readouterr().err
    assert node_cluster.main(["--packages"]) == 0
    assert {"runc", "network-plugins"} <= set(capsys.readouterr().out.split())


def test_only_root_has_a_node_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_machine, "PACKAGES", {})
    monkeypatch.setattr(node_cluster, "IMAGE_PACKAGES", {})
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ToolMissing, match="takes root on Linux"):
        node_cluster.which_cluster()
