"""A second apply of every example changes nothing, with operator and dispatchers at work on a real API server."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.demo_cluster import NAMESPACE, Cluster, installed
from tests.fixtures import kstatus
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.api

EXAMPLES = Path(__file__).parents[2] / "examples"
FIRST = ("kubernetes", "tenancy")  # what makes the namespaces
FILES = sorted(EXAMPLES.rglob("*.yaml"), key=lambda path: (path.parent.name not in FIRST, path))
OURS = "jethook.io/v1alpha1"
KINDS = "whe,whsub,whpool"
MANAGERS = {"jethook-operator", "jethook-dispatcher"}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with installed(tmp_path) as started:
        yield started


def _where(path: Path) -> tuple[str, ...]:
    """Name the namespace for what names none itself: pools are the platform's."""
    documents = [one for one in yaml.safe_load_all(path.read_text()) if one]
    if any("namespace" in one["metadata"] for one in documents):
        return ()
    return ("-n", NAMESPACE if all(one["kind"] == "DispatcherPool" for one in documents) else "default")


def _ours(cluster: Cluster) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(
        cluster.kubectl("get", KINDS, "-A", "--show-managed-fields", "-o", "json")
    )["items"]
    return items


async def _seen_by_the_operator(cluster: Cluster) -> bool:
    objects = await asyncio.to_thread(_ours, cluster)
    waiting = [one for one in objects if one["status"]["observedGeneration"] != one["metadata"]["generation"]]
    return not waiting


async def test_diff_and_a_second_apply_of_each_example_change_nothing(cluster: Cluster) -> None:
    for path in FILES:
        apply = ("apply", "-f", str(path), *_where(path))
        await asyncio.to_thread(cluster.kubectl, *apply)
        await eventually(lambda: _seen_by_the_operator(cluster), seconds=60, every_seconds=0.2)
        for form in ((), ("--server-side", "--force-conflicts")):  # as Flux and Argo CD may do it
            await asyncio.to_thread(cluster.kubectl, *apply, *form)
            command = ("diff", "-f", str(path), *_where(path), *form)
            done = await asyncio.to_thread(cluster.api.kubectl, *command, check=False)
            assert (done.returncode, done.stdout) == (0, ""), (path, form, done.stderr)

    def both_have_written() -> bool:
        managers = {entry["manager"] for one in _ours(cluster) for entry in one["metadata"]["managedFields"]}
        return managers >= MANAGERS

    await eventually(lambda: asyncio.to_thread(both_have_written), seconds=40, every_seconds=0.5)
    for one in _ours(cluster):
        kstatus.check(one)
        for entry in one["metadata"]["managedFields"]:
            if entry["manager"] in MANAGERS and entry["operation"] == "Apply":
                assert entry["subresource"] == "status", one["metadata"]["name"]
                assert set(entry["fieldsV1"]) == {"f:status"}
        assert "finalizers" not in one["metadata"]
