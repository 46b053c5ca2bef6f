"""kubectl and helm against the cluster under test."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hack.tools import find_tool

SECONDS = 120.0

Object = dict[str, Any]


class Kube:
    """Run kubectl and helm as the cluster's administrator; a failure is an AssertionError with what they said."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._kubectl = str(find_tool("kubectl"))
        self._helm = str(find_tool("helm"))

    def kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = SECONDS) -> str:
        """Run kubectl and give what it printed."""
        return _run([self._kubectl, f"--kubeconfig={self._kubeconfig}", *arguments], stdin=stdin, seconds=seconds)

    def fails(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl, expect that it fails, and give what it said."""
        command = [self._kubectl, f"--kubeconfig={self._kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode != 0, f"{arguments} went well: {done.stdout}"
        return done.stderr

    def helm(self, *arguments: str, seconds: float = 600.0) -> str:
        """Run helm and give what it printed."""
        return _run([self._helm, f"--kubeconfig={self._kubeconfig}", *arguments], seconds=seconds)

    def apply(self, *documents: Object, namespace: str) -> None:
        """Apply objects."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        self.kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=json.dumps(listed))

    def get(self, *arguments: str) -> Any:
        """Get objects as they are: one, or the items of a list."""
        found = json.loads(self.kubectl("get", *arguments, "--output=json"))
        return found["items"] if found["kind"] == "List" else found

    def names(self, kind: str, *, namespace: str, labels: str = "") -> list[str]:
        """Give the names of objects; deleted ones that are not gone yet are among them."""
        selector = [f"--selector={labels}"] if labels else []
        return [item["metadata"]["name"] for item in self.get(kind, f"--namespace={namespace}", *selector)]

    def ready_pods(self, *, namespace: str, labels: str) -> list[str]:
        """Give the names of pods that are Ready and stay."""
        pods = self.get("pods", f"--namespace={namespace}", f"--selector={labels}")
        return [
            pod["metadata"]["name"] for pod in pods if _is_ready(pod) and "deletionTimestamp" not in pod["metadata"]
        ]

    def condition(self, kind: str, name: str, *, namespace: str, condition: str) -> Object:
        """Give one condition of an object; empty when it is not there."""
        return _condition(self.get(kind, name, f"--namespace={namespace}"), condition)

    def diagnosis(self, namespace: str) -> str:
        """Tell how the pods of a namespace are and what they printed last: for the message of a failed test."""
        said = [self.kubectl("get", "pods,events", f"--namespace={namespace}", "--output=wide")]
        for pod in self.names("pods", namespace=namespace):
            log = ["logs", pod, f"--namespace={namespace}", "--all-containers", "--tail=25", "--ignore-errors"]
            said.append(f"--- {pod}\n{self.kubectl(*log)}")
        return "\n".join(said)


def _run(command: Sequence[str], *, seconds: float, stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{' '.join(command[2:])}: {done.stderr[-4000:]}{done.stdout[-2000:]}"
    return done.stdout


def _is_ready(pod: Object) -> bool:
    return bool(_condition(pod, "Ready").get("status") == "True")


def _condition(found: Object, kind: str) -> Object:
    conditions: list[Object] = found.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), {})
