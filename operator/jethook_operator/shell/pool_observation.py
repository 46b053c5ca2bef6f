"""Read a Deployment and its pods as the API server writes them: what a pool's status is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jethook_operator.core.pool_workload import Trouble, Workload

_PATIENT = frozenset({"ContainerCreating", "PodInitializing"})  # reasons of a pod that only takes its time
_MAX_MESSAGE_CHARACTERS = 512


def workload_of(deployment: Mapping[str, Any]) -> Workload:
    """Read a Deployment."""
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    failure = _condition(status, "ReplicaFailure", status_value="True")
    return Workload(
        wanted=deployment["spec"]["replicas"],
        current=status.get("observedGeneration", -1) >= metadata.get("generation", 0),
        replicas=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        failure=None if failure is None else _named_quota(failure),
        deadline=_condition(status, "Progressing", status_value="False"),
    )


def pods_trouble(pods: Iterable[Mapping[str, Any]]) -> Trouble | None:
    """Say what keeps a pod from running, the first that says so by name; None while all take their time."""
    ordered = sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))
    return next((trouble for pod in ordered if (trouble := _trouble(pod)) is not None), None)


def _trouble(pod: Mapping[str, Any]) -> Trouble | None:
    if pod["metadata"].get("deletionTimestamp"):
        return None
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    unscheduled = _condition(status, "PodScheduled", status_value="False")
    if unscheduled is not None:
        return Trouble(unscheduled.reason, f"pod {name} has no node: {unscheduled.message}")
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting")
        if waiting and waiting.get("reason", "ContainerCreating") not in _PATIENT:
            message = str(waiting.get("message") or waiting["reason"])[:_MAX_MESSAGE_CHARACTERS]
            return Trouble(waiting["reason"], f"pod {name}: {message}")
    return None


def _condition(status: Mapping[str, Any], kind: str, *, status_value: str) -> Trouble | None:
    for one in status.get("conditions") or ():
        if one["type"] == kind and one["status"] == status_value:
            return Trouble(one.get("reason") or kind, str(one.get("message") or "")[:_MAX_MESSAGE_CHARACTERS])
    return None


def _named_quota(failure: Trouble) -> Trouble:
    """Tell an exhausted quota from other refusals, which Kubernetes does in the message alone."""
    return Trouble("QuotaExceeded", failure.message) if "exceeded quota" in failure.message else failure
