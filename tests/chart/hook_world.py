"""An installation without anything that runs: the chart's roles, the operator's Deployment, what a pool owns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import yaml

from hack.kubernetes import ApiServer
from tests.chart.chart import PLAIN, documents, find, render

MADE_BY_OPERATOR = {
    "app.kubernetes.io/name": "jethook-dispatcher",
    "app.kubernetes.io/instance": "default",
    "app.kubernetes.io/managed-by": "jethook-operator",
}
RUNS_AS = {"Job": "jethook-take-down", "Pod": "jethook-test"}
KINDS = {
    "ServiceAccount": "v1",
    "Deployment": "apps/v1",
    "PodDisruptionBudget": "policy/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
}


class Installation:
    """The chart's roles and its operator's Deployment in a namespace of its own; nothing runs, since nothing can."""

    def __init__(self, cluster: ApiServer) -> None:
        self.cluster = cluster
        self.namespace = cluster.new_namespace("hooks")
        self.rendered = render(PLAIN, namespace=self.namespace)
        kinds = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Deployment"}
        self.apply(*(one for one in documents(self.rendered) if one["kind"] in kinds))
        cluster.kubectl("create", "serviceaccount", "default", f"--namespace={self.namespace}")

    def apply(self, *found: Any) -> None:
        self.cluster.kubectl(
            "apply", "--server-side", "--force-conflicts", "--filename=-", stdin=yaml.safe_dump_all(found)
        )

    def run(self, kind: str, *, seconds: int) -> subprocess.CompletedProcess[str]:
        """Run the command of a hook's pod as its account would."""
        manifest = find(self.rendered, kind, RUNS_AS[kind])
        pod = manifest["spec"] if kind == "Pod" else manifest["spec"]["template"]["spec"]
        account = pod["serviceAccountName"]
        arguments = [one for one in pod["containers"][0]["args"] if not one.startswith("--timeout")]
        kubeconfig = self.cluster.kubeconfig_for(account, namespace=self.namespace)
        command = [sys.executable, "-m", "jethook_cli", *arguments, f"--timeout={seconds}"]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        )  # fmt: skip

    def make_pod(self, name: str, labels: dict[str, str]) -> None:
        container = {"name": "any", "image": "any"}
        metadata = {"name": name, "namespace": self.namespace, "labels": labels}
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}})

    def end_pod(self, name: str) -> None:
        """Do what a kubelet does when the last container has ended."""
        self.cluster.kubectl("delete", "pod", name, f"--namespace={self.namespace}", "--grace-period=0", "--force")

    def names(self, resource: str, *, of_pools: bool = True) -> list[str]:
        selector = ["--selector=app.kubernetes.io/managed-by=jethook-operator"] if of_pools else []
        answer = self.cluster.kubectl("get", resource, "--all-namespaces", *selector, "--output=json")
        return [item["metadata"]["name"] for item in json.loads(answer.stdout)["items"]]

    def replicas(self) -> int:
        path = "--output=jsonpath={.spec.replicas}"
        where = f"--namespace={self.namespace}"
        return int(self.cluster.kubectl("get", "deployment", "jethook-operator", where, path).stdout)


def objects_of_a_pool(namespace: str) -> list[dict[str, Any]]:
    """Give what the operator makes for the pool `default`, as far as it matters here."""
    name = "jethook-dispatcher-default"
    pods = {"matchLabels": {"app.kubernetes.io/instance": "default"}}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "jethook-dispatcher"}
    binding = {"roleRef": role, "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]}
    template = {"metadata": {"labels": pods["matchLabels"]}, "spec": {"containers": [{"name": "any", "image": "any"}]}}
    contents: dict[str, dict[str, Any]] = {
        "ServiceAccount": {},
        "Deployment": {"spec": {"selector": pods, "template": template}},
        "PodDisruptionBudget": {"spec": {"maxUnavailable": 1, "selector": pods}},
        "NetworkPolicy": {"spec": {"podSelector": pods}},
        "ClusterRoleBinding": binding,
        "RoleBinding": binding,
    }
    made = []
    for kind, content in contents.items():
        metadata = {"name": name, "labels": MADE_BY_OPERATOR} | (
            {} if kind == "ClusterRoleBinding" else {"namespace": "team-a" if kind == "RoleBinding" else namespace}
        )
        made.append({"apiVersion": KINDS[kind], "kind": kind, "metadata": metadata, **content})
    return made
