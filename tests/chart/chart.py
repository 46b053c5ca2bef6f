"""The chart under test: Helm's answers, and its manifests in a form that a person reads in a golden file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.tool_cache import ToolMissing
from hack.tools import find_tool
from tests.repository.files import ROOT

CHART = ROOT / "charts" / "jethook"
HERE = Path(__file__).parent
VALUE_SETS = sorted((HERE / "values").glob("*.yaml"))
PLAIN = HERE / "values" / "external-nats.yaml"  # no more than must be given: others are told by how they differ
NAMESPACE = "jethook-system"
RELEASE = "jethook"
Json = dict[str, Any]


def helm_binary() -> str:
    """Find Helm; without it a test is skipped, and fails where CI=true."""
    try:
        return str(find_tool("helm"))
    except ToolMissing as missing:
        verdict = pytest.fail if os.environ.get("CI", "").lower() == "true" else pytest.skip
        verdict(f"the chart cannot be rendered: {missing}")


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm on nobody's cluster."""
    return subprocess.run(
        [helm_binary(), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"KUBECONFIG": "/dev/null", "HOME": "/nonexistent"},
    )


def render(values: Path | None = None, *, sets: Iterable[str] = (), namespace: str = NAMESPACE) -> str:
    """Render the chart; AssertionError with what Helm said when it refuses."""
    done = template(values, sets=sets, namespace=namespace)
    assert done.returncode == 0, done.stderr
    return done.stdout


def template(
    values: Path | None = None, *, sets: Iterable[str] = (), namespace: str = NAMESPACE
) -> subprocess.CompletedProcess[str]:
    """Render the chart, or hear why not."""
    files = [f"--values={values}"] if values else []
    given = [f"--set-json={one}" for one in sets]
    return helm("template", RELEASE, str(CHART), f"--namespace={namespace}", *files, *given)


def documents(rendered: str) -> list[Json]:
    """Read the manifests, in the order of kind, namespace and name."""
    found = [one for one in yaml.safe_load_all(rendered) if one]
    return sorted(found, key=lambda one: (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]))


def find(rendered: str, kind: str, name: str) -> Json:
    """Pick one manifest."""
    (found,) = (one for one in documents(rendered) if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def readable(rendered: str, *, beside: str = "") -> str:
    """Give the manifests that differ from those of `beside`, and the names of those that are missing.

    Without what is copied into them whole from files that have tests of their own, and without the version.
    """
    others = {_identity(one): one for one in documents(beside)}
    ours = {_identity(one): one for one in documents(rendered)}
    changed = [_shortened(one) for name, one in ours.items() if others.get(name) != one]
    missing = "".join(f"# not there: {name}\n" for name in others if name not in ours)
    text = missing + yaml.safe_dump_all(changed, sort_keys=False, width=120)
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    return text.replace(version, "VERSION")


def _identity(document: Json) -> str:
    metadata = document["metadata"]
    return " ".join([document["kind"], *([metadata["namespace"]] if "namespace" in metadata else []), metadata["name"]])


def _shortened(document: Json) -> Json:
    if document["kind"] == "CustomResourceDefinition":
        return document | {"spec": "as in crds/"}
    if document["kind"] == "PrometheusRule":
        return document | {"spec": "as in files/alerts.yaml"}
    if document["metadata"]["name"] == "jethook-dashboards":
        return document | {"data": dict.fromkeys(document["data"], "as in dashboards/")}
    return document
