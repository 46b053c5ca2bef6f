"""`jethook get` and `describe` on a real API server show what kubectl shows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hack.kubernetes import ApiServer
from tests.fixtures.installation import endpoint, subscription

CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Programmed",
    "message": "in place",
    "lastTransitionTime": "2026-11-24T10:00:00Z",
}
DELIVERY = {"state": "CircuitOpen", "successPercent": 12, "backlog": 18204, "delivered": 7, "lastError": None}


@pytest.fixture
def namespace(kube: ApiServer, kube_namespace: str) -> str:
    objects = [endpoint("crm", "https://crm.example.com/hooks?token=hidden"), subscription("orders", "crm")]
    kube.kubectl("apply", "-n", kube_namespace, "-f", "-", stdin=yaml.safe_dump_all(objects))
    delivery = {key: value for key, value in DELIVERY.items() if value is not None}
    status = {
        "observedGeneration": 1,
        "conditions": [CONDITION],
        "url": "https://crm.example.com/hooks",
        "delivery": delivery,
    }
    patch = yaml.safe_dump({"status": status})
    kube.kubectl(
        "patch", "whe", "crm", "-n", kube_namespace, "--subresource=status", "--type=merge", f"--patch={patch}"
    )
    return kube_namespace


def _jethook(kube: ApiServer, *arguments: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("JETHOOK_")}
    return subprocess.run(
        [sys.executable, "-m", "jethook_cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**clean, "KUBECONFIG": str(kubeconfig or kube.kubeconfig)},
    )


@pytest.mark.parametrize("wide", [[], ["-o", "wide"]], ids=["narrow", "wide"])
def test_the_columns_and_cells_are_those_of_kubectl(kube: ApiServer, namespace: str, wide: list[str]) -> None:
    ours = _jethook(kube, "get", "endpoints", "-n", namespace, *wide).stdout.splitlines()
    theirs = kube.kubectl("get", "whe", "-n", namespace, *wide).stdout.splitlines()
    assert ours[0].split() == theirs[0].split()
    seen = {cell for cell in ours[1].split() if cell != "-"}
    assert seen - set(theirs[1].split()) <= {ours[1].split()[8]}  # the age, a second apart
    assert "hidden" not in ours[1]


def test_a_namespace_comes_from_the_context_unless_told(kube: ApiServer, namespace: str, tmp_path: Path) -> None:
    config = yaml.safe_load(kube.kubeconfig.read_text())
    config["contexts"][0]["context"]["namespace"] = namespace
    own = tmp_path / "kubeconfig"
    own.write_text(yaml.safe_dump(config))
    assert _jethook(kube, "get", "whsub", "-o", "name", kubeconfig=own).stdout == "subscription.jethook.io/orders\n"
    assert "no Subscription found" in _jethook(kube, "get", "whsub", "-n", "default", kubeconfig=own).stdout


def test_describe_shows_spec_conditions_delivery_and_events(kube: ApiServer, namespace: str) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "crm.1", "namespace": namespace},
        "involvedObject": {"kind": "WebhookEndpoint", "name": "crm", "namespace": namespace},
        "type": "Normal",
        "reason": "SecretRotated",
        "message": "now signing with key current",
        "source": {"component": "jethook-operator"},
        "lastTimestamp": "2026-11-24T10:00:00Z",
    }
    kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(event))
    shown = _jethook(kube, "describe", "endpoint", "crm", "-n", namespace).stdout
    for piece in (
        "Ready   True   Programmed",
        "State: CircuitOpen",
        "Backlog: 18204",
        "SecretRotated",
        "https://crm.example.com/hooks",
    ):
        assert piece in shown


def test_what_is_not_there_is_named_with_what_is(kube: ApiServer, namespace: str) -> None:
    done = _jethook(kube, "get", "endpoints", "crn", "-n", namespace)
    assert done.returncode == 1
    assert "there is: crm" in done.stderr
