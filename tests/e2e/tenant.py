"""A tenant's namespace: a receiver that writes down what comes, publishers, endpoints and Subscriptions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.installation import NATS_URL, Images
from tests.e2e.kube import Kube, Object

SIGNING_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PYTHON = "/opt/jethook/bin/python"
RECORD = "/record/requests.jsonl"
PUBLISHER = Path(__file__).parent / "publisher.py"
# Run in the receiver's pod: what it wrote down, as one line.
SUMMARY = f"""
import collections, json, pathlib
lines = pathlib.Path("{RECORD}").read_text().splitlines() if pathlib.Path("{RECORD}").exists() else []
requests = [json.loads(line) for line in lines]
print(json.dumps({{
    "requests": len(requests),
    "unverified": sum(not request["verified"] for request in requests),
    "ids": sorted({{request["event_id"] for request in requests if request["status"] == 200}}),
}}))
"""
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True, slots=True)
class Received:
    """What a receiver wrote down: all requests, those with a bad signature, and the ids that it accepted."""

    requests: int
    unverified: int
    ids: frozenset[str]


class Tenant:
    """A namespace with restricted pod security."""

    def __init__(self, kube: Kube, images: Images, *, namespace: str) -> None:
        self.kube = kube
        self.namespace = namespace
        self._image = images.dispatcher
        self._runs = 0

    def start(self) -> None:
        """Make the namespace, the signing key and a receiver, and wait until it listens."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.kube.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}},
            namespace="default",
        )
        configuration = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "publisher"}}
        self.kube.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "signing", "labels": {"jethook.io/use": "true"}},
                "stringData": {"current": SIGNING_KEY},
            },
            {**configuration, "data": {"publisher.py": PUBLISHER.read_text()}},
            self._receiver(),
            _service("receiver"),
            namespace=self.namespace,
        )
        rollout = ["rollout", "status", "deployment/receiver", f"--namespace={self.namespace}", "--timeout=120s"]
        self.kube.kubectl(*rollout, seconds=130)

    def subscribe(self, name: str, *event_types: str, path: str = "", **spec: object) -> None:
        """Make an endpoint at the receiver and a Subscription of the same name, and wait until both are Ready."""
        self.kube.apply(
            {
                "apiVersion": "jethook.io/v1alpha1",
                "kind": "WebhookEndpoint",
                "metadata": {"name": name},
                "spec": {
                    "url": f"http://receiver.{self.namespace}.svc.cluster.local:8080/{path}",
                    "signing": [{"scheme": "StandardWebhooks", "secretRef": {"name": "signing"}}],
                    **spec,
                },
            },
            {
                "apiVersion": "jethook.io/v1alpha1",
                "kind": "Subscription",
                "metadata": {"name": name},
                "spec": {"endpointRef": {"name": name}, "eventTypes": list(event_types)},
            },
            namespace=self.namespace,
        )
        for kind in ("whe", "whsub"):
            wait = ["wait", kind, name, "--for=condition=Ready", f"--namespace={self.namespace}", "--timeout=90s"]
            self.kube.kubectl(*wait)

    def start_publishing(self, event_type: str, *, count: int, per_second: float, data_bytes: int = 100) -> str:
        """Start a Job that publishes at a steady rate, and give its name."""
        self._runs += 1
        name = f"publisher-{self._runs}"
        arguments = [NATS_URL, self.namespace, event_type, str(count), str(per_second), str(data_bytes)]
        self.kube.apply(self._publisher(name, arguments), namespace=self.namespace)
        return name

    def published(self, job: str, *, seconds: int) -> frozenset[str]:
        """Wait until a Job has published everything, and give the ids that NATS has acknowledged."""
        wait = ["wait", f"job/{job}", "--for=condition=Complete", f"--namespace={self.namespace}"]
        self.kube.kubectl(*wait, f"--timeout={seconds}s", seconds=seconds + 10)
        printed = self.kube.kubectl("logs", f"job/{job}", f"--namespace={self.namespace}", "--tail=-1")
        return frozenset(printed.split())

    def received(self) -> Received:
        """Read what the receiver wrote down."""
        run = ["exec", "deployment/receiver", f"--namespace={self.namespace}", "--", PYTHON, "-c", SUMMARY]
        found = json.loads(self.kube.kubectl(*run))
        return Received(found["requests"], found["unverified"], frozenset(found["ids"]))

    def delete(self) -> None:
        """Delete the namespace with everything in it, and wait until it is gone."""
        self.kube.kubectl("delete", "namespace", self.namespace, "--wait", "--timeout=110s")

    def _receiver(self) -> Object:
        arguments = ["receiver", "--host=0.0.0.0", "--port=8080", f"--secret={SIGNING_KEY}", f"--record={RECORD}"]
        probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
        container = {
            "name": "receiver",
            "image": self._image,
            "imagePullPolicy": "IfNotPresent",
            "args": [*arguments, "--quiet"],
            "ports": [{"containerPort": 8080}],
            "readinessProbe": probe,
            "securityContext": RESTRICTED,
            "volumeMounts": [{"name": "record", "mountPath": "/record"}],
        }
        labels = {"app": "receiver"}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "receiver"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "automountServiceAccountToken": False,
                        "containers": [container],
                        "volumes": [{"name": "record", "emptyDir": {}}],
                    },
                },
            },
        }

    def _publisher(self, name: str, arguments: Sequence[str]) -> Object:
        container = {
            "name": "publisher",
            "image": self._image,
            "imagePullPolicy": "IfNotPresent",
            "command": [PYTHON, "/publisher/publisher.py", *arguments],
            "securityContext": RESTRICTED,
            "volumeMounts": [{"name": "publisher", "mountPath": "/publisher"}],
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {
                "backoffLimit": 0,
                "template": {
                    "spec": {
                        "automountServiceAccountToken": False,
                        "restartPolicy": "Never",
                        "containers": [container],
                        "volumes": [{"name": "publisher", "configMap": {"name": "publisher"}}],
                    }
                },
            },
        }


def _service(name: str) -> Object:
    spec = {"selector": {"app": name}, "ports": [{"port": 8080, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}
