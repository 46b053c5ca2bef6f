"""The Job before an uninstall, run with the account that the chart gives it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hack.kubernetes import ApiServer
from tests.chart.chart import find
from tests.chart.hook_world import KINDS, MADE_BY_OPERATOR, Installation, objects_of_a_pool

pytestmark = pytest.mark.api


@pytest.fixture
def installation(cluster: ApiServer) -> Iterator[Installation]:
    """Give an installation whose pool `default` has all that an operator makes for it."""
    made = Installation(cluster)
    made.apply(*objects_of_a_pool(made.namespace))
    yield made
    theirs = "--selector=app.kubernetes.io/managed-by=jethook-operator"
    cluster.kubectl("delete", "clusterrolebindings,rolebindings", "--all-namespaces", theirs, "--ignore-not-found")


def test_the_take_down_leaves_nothing_that_the_operator_made(installation: Installation) -> None:
    done = installation.run("Job", seconds=30)
    assert done.returncode == 0, done.stderr
    assert installation.replicas() == 0
    for kind in KINDS:
        assert installation.names(kind) == [], kind
    assert f"deleted {installation.namespace}" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("nothing of the pools runs any more")
    assert "jethook-operator" in installation.names("deployment", of_pools=False)


def test_the_operator_ends_before_its_dispatchers_and_they_before_their_rights(installation: Installation) -> None:
    operator = find(installation.rendered, "Deployment", "jethook-operator")["spec"]["selector"]["matchLabels"]
    installation.make_pod("operator", operator)
    installation.make_pod("dispatcher", MADE_BY_OPERATOR)
    seen: list[tuple[str, int, int]] = []

    def look(name: str) -> None:
        time.sleep(2)  # what did not wait would go on meanwhile
        seen.append((name, len(installation.names("deployment")), len(installation.names("clusterrolebinding"))))
        installation.end_pod(name)

    def kubelet() -> None:
        _until(lambda: installation.replicas() == 0)
        look("operator")
        _until(lambda: not installation.names("deployment"))
        look("dispatcher")

    thread = threading.Thread(target=kubelet)
    thread.start()
    done = installation.run("Job", seconds=50)
    thread.join()
    assert done.returncode == 0, done.stderr
    assert seen == [("operator", 1, 1), ("dispatcher", 0, 1)]
    assert installation.names("clusterrolebinding") == []


def test_what_does_not_end_in_time_is_named(installation: Installation) -> None:
    installation.make_pod("dispatcher-7", MADE_BY_OPERATOR)
    done = installation.run("Job", seconds=3)
    assert done.returncode == 1
    assert "after 3 s there is still dispatchers: 1 pods, among them dispatcher-7" in done.stderr
    installation.end_pod("dispatcher-7")
    again = installation.run("Job", seconds=20)
    assert again.returncode == 0, again.stderr


def test_the_bindings_of_another_installation_stay(installation: Installation) -> None:
    (binding,) = (one for one in objects_of_a_pool("another") if one["kind"] == "ClusterRoleBinding")
    installation.apply(binding | {"metadata": binding["metadata"] | {"name": "jethook-dispatcher-theirs"}})
    done = installation.run("Job", seconds=20)
    assert done.returncode == 0, done.stderr
    assert installation.names("clusterrolebinding") == ["jethook-dispatcher-theirs"]


def test_the_take_down_without_an_operator_takes_down_the_rest(installation: Installation) -> None:
    installation.cluster.kubectl("delete", "deployment", "jethook-operator", f"--namespace={installation.namespace}")
    done = installation.run("Job", seconds=20)
    assert done.returncode == 0, done.stderr
    assert "there is no Deployment" in done.stdout
    assert installation.names("deployment") == []


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 50
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)
