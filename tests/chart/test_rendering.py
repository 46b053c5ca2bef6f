"""The chart renders to what the golden files say: `JETHOOK_REWRITE=1 pytest tests/chart` writes them anew."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.chart import CHART, HERE, PLAIN, RELEASE, VALUE_SETS, documents, find, helm, readable, render
from tests.repository.files import ROOT

REWRITE = os.environ.get("JETHOOK_REWRITE") == "1"
EACH_SET = pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)


@EACH_SET
def test_a_set_of_values_renders_to_its_golden_file(values: Path) -> None:
    golden = HERE / "golden" / values.name
    rendered = readable(render(values), beside="" if values == PLAIN else render(PLAIN))
    if REWRITE:
        golden.write_text(rendered)
    assert rendered == golden.read_text()


def test_every_golden_file_has_its_values() -> None:
    assert [path.name for path in sorted((HERE / "golden").iterdir())] == [path.name for path in VALUE_SETS]
    assert len(VALUE_SETS) >= 8


@EACH_SET
def test_helm_lint_finds_nothing(values: Path) -> None:
    done = helm("lint", str(CHART), "--strict", f"--values={values}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"\[(WARNING|ERROR)\]", done.stdout)


def test_the_chart_has_the_version_of_the_product() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (chart["version"], chart["appVersion"]) == (version, version)


def test_artifact_hub_is_told_of_every_crd_and_of_valid_yaml() -> None:
    annotations = yaml.safe_load((CHART / "Chart.yaml").read_text())["annotations"]
    told = {one["name"]: (one["kind"], one["version"]) for one in yaml.safe_load(annotations["artifacthub.io/crds"])}
    assert told == {
        one["metadata"]["name"]: (one["spec"]["names"]["kind"], one["spec"]["versions"][0]["name"])
        for one in (yaml.safe_load(path.read_text()) for path in (ROOT / "crds").glob("*.yaml"))
    }
    assert yaml.safe_load(annotations["artifacthub.io/changes"])


def test_a_crd_of_the_chart_is_that_of_the_repository_and_kept() -> None:
    rendered = render(PLAIN, sets=["crds.keep=true"])
    for path in (ROOT / "crds").glob("*.yaml"):
        expected = yaml.safe_load(path.read_text())
        found = find(rendered, "CustomResourceDefinition", expected["metadata"]["name"])
        assert found["spec"] == expected["spec"]
        assert found["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


@EACH_SET
def test_no_image_names_a_registry_unless_told(values: Path) -> None:
    if "registry" in values.read_text():
        return
    rendered = render(values)
    images = [container["image"] for pod in _pods(rendered) for container in pod["containers"]]
    assert images
    assert all("." not in image.partition("/")[0] or "/" not in image for image in images)


@EACH_SET
def test_every_pod_keeps_the_restricted_standard_and_a_read_only_root(values: Path) -> None:
    for pod in _pods(render(values)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits" if "limits" in container["resources"] else "requests"]


@EACH_SET
def test_everything_says_what_it_belongs_to(values: Path) -> None:
    for one in documents(render(values)):
        labels = one["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "jethook"
        assert labels["app.kubernetes.io/instance"] == RELEASE
        if one["kind"] not in {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}:
            assert one["metadata"]["namespace"]


def test_labels_for_all_are_on_all() -> None:
    found = documents(render(PLAIN, sets=['commonLabels.team="platform"']))
    assert {one["metadata"]["labels"].get("team") for one in found} == {"platform"}


def _pods(rendered: str) -> list[dict[str, Any]]:
    """Give the pod specs of all that runs."""
    found = []
    for one in documents(rendered):
        if one["kind"] == "Pod":
            found.append(one["spec"])
        elif one["kind"] in {"Deployment", "StatefulSet", "Job"}:
            found.append(one["spec"]["template"]["spec"])
    return found
