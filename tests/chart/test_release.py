"""The life of a release on a real API server: install, upgrade, roll back, uninstall, and CRDs from elsewhere.

No pod runs there, so that the hook before an uninstall is left out: `test_take_down.py` runs it.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from hack.kubernetes import ApiServer
from tests.chart.chart import CHART, NAMESPACE, RELEASE, helm_binary

pytestmark = pytest.mark.api
CRDS = [f"{kind}.jethook.io" for kind in ("dispatcherpools", "subscriptions", "webhookendpoints")]
NATS = "--set=nats.url=nats://nats.example:4222"
ADOPTED = {
    "label": ["app.kubernetes.io/managed-by=Helm"],
    "annotate": [f"meta.helm.sh/release-name={RELEASE}", f"meta.helm.sh/release-namespace={NAMESPACE}"],
}


class Releases:
    """Helm with the API server's kubeconfig."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server

    def helm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Helm and hear what it says."""
        command = [helm_binary(), *arguments, f"--namespace={NAMESPACE}"]
        environment = {"KUBECONFIG": str(self.server.kubeconfig), "HOME": str(self.server.folder)}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)

    def done(self, *arguments: str) -> str:
        """Run Helm; AssertionError when it fails."""
        answer = self.helm(*arguments)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def deployment(self) -> dict[str, Any]:
        """Read the operator's Deployment."""
        answer = self.server.kubectl(
            "get", "deployment", "jethook-operator", f"--namespace={NAMESPACE}", "--output=json"
        )
        found: dict[str, Any] = json.loads(answer.stdout)
        return found

    def names(self, resource: str, *, selector: str = "app.kubernetes.io/managed-by=Helm") -> list[str]:
        """List what Helm has made of a kind."""
        asked = ("get", resource, "--all-namespaces", f"--selector={selector}", "--output=json")
        return sorted(one["metadata"]["name"] for one in json.loads(self.server.kubectl(*asked).stdout)["items"])


def test_a_release_lives_and_leaves_its_crds_behind(own_kube: ApiServer) -> None:
    releases = Releases(own_kube)
    own_kube.kubectl("delete", "crd", *CRDS)
    _install_and_change(releases)
    releases.done("uninstall", RELEASE, "--no-hooks")
    for resource in ("deployments", "clusterroles", "clusterrolebindings", "roles", "rolebindings", "serviceaccounts"):
        assert releases.names(resource) == [], resource
    assert releases.names("crd") == CRDS
    again = releases.done("install", RELEASE, str(CHART), NATS)  # the CRDs that were kept are its own
    assert "helm test jethook" in again


def test_an_endpoint_outlives_the_release(own_kube: ApiServer) -> None:
    releases = Releases(own_kube)
    _adopt(own_kube)
    releases.done("install", RELEASE, str(CHART), NATS, "--create-namespace")
    endpoint = {
        "apiVersion": "jethook.io/v1alpha1",
        "kind": "WebhookEndpoint",
        "metadata": {"name": "orders", "namespace": "default"},
        "spec": {"url": "https://hooks.example.com/orders"},
    }
    own_kube.kubectl("apply", "--filename=-", stdin=json.dumps(endpoint))
    releases.done("upgrade", RELEASE, str(CHART), NATS, "--set=crds.enabled=false")
    assert "orders" in own_kube.kubectl("get", "whe", "--namespace=default").stdout
    releases.done("uninstall", RELEASE, "--no-hooks")
    assert "orders" in own_kube.kubectl("get", "whe", "--namespace=default").stdout


def test_crds_that_were_applied_by_hand_are_named_and_can_be_taken_over(own_kube: ApiServer) -> None:
    releases = Releases(own_kube)
    refused = releases.helm("install", RELEASE, str(CHART), NATS, "--create-namespace")
    assert refused.returncode != 0
    assert "cannot be imported into the current release" in refused.stderr
    _adopt(own_kube)
    releases.done("install", RELEASE, str(CHART), NATS, "--create-namespace")


def _install_and_change(releases: Releases) -> None:
    """Install, upgrade and roll back; look at each."""
    notes = releases.done("install", RELEASE, str(CHART), NATS, "--create-namespace")
    assert "subject jethook.events.<namespace>.<type>" in notes
    assert releases.deployment()["spec"]["replicas"] == 2
    assert releases.names("crd") == CRDS
    releases.done("upgrade", RELEASE, str(CHART), "--reset-then-reuse-values", "--set=operator.replicas=3")
    changed = releases.deployment()["spec"]
    assert changed["replicas"] == 3
    assert "--nats=nats://nats.example:4222" in changed["template"]["spec"]["containers"][0]["args"]
    releases.done("rollback", RELEASE)
    assert releases.deployment()["spec"]["replicas"] == 2


def _adopt(server: ApiServer) -> None:
    """Do what the docs say for CRDs that were applied by hand."""
    for command, what in ADOPTED.items():
        server.kubectl(command, "crd", *CRDS, *what, "--overwrite")
