"""An API server for the tests of the chart alone: what the chart makes has names that are the cluster's only ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hack.kubernetes import ApiServer
from tests.chart.chart import HERE, NAMESPACE
from tests.fixtures.kube import running_api_server


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Run it, with the namespaces of the value sets and the kinds of the Prometheus operator."""
    with running_api_server(tmp_path_factory.mktemp("chart")) as server:
        for namespace in (NAMESPACE, "team-a"):
            server.kubectl("create", "namespace", namespace)
        for account in (
            "default",
            "jethook-operator",
            "jethook-take-down",
            "jethook-test",
        ):  # the API server asks for them
            server.kubectl("create", "serviceaccount", account, f"--namespace={NAMESPACE}")
        kinds = HERE / "prometheus-operator-crds.yaml"
        server.kubectl("apply", "--server-side", f"--filename={kinds}")
        server.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"--filename={kinds}")
        restricted = "pod-security.kubernetes.io/enforce=restricted"
        server.kubectl("label", "namespace", NAMESPACE, restricted)
        yield server
