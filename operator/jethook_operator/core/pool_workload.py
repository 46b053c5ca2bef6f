"""How a pool's Deployment goes: what was seen of it, and what that means for the pool's status.

A pool is Ready while at least one dispatcher works and nothing is wrong: each step of an autoscaler would else turn it
red. Reconciling is there while pods come and go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jethook_contract.errors import Invalid, Waiting
from jethook_operator.core.conditions import Verdict, programmed, verdict_of
from jethook_operator.core.status import Condition

UNSETTLED_SECONDS = 5.0  # why a pod does not start shows in the pod alone, which is not watched
SETTLED_SECONDS = 60.0  # how soon a change to children that are not watched is put right


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why pods do not run: a CamelCase reason and the words of the cluster."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A Deployment as its controller describes it.

    `wanted`: its spec.replicas. `current`: its controller has seen its latest generation. `replicas` exist, `updated`
    of them from its latest template, `ready` of them are ready. `failure`: pods cannot be created. `deadline`: it made
    no progress for too long. `pods`: what keeps a pod from running.
    """

    wanted: int
    current: bool = False
    replicas: int = 0
    updated: int = 0
    ready: int = 0
    failure: Trouble | None = None
    deadline: Trouble | None = None
    pods: Trouble | None = None

    @property
    def settled(self) -> bool:
        """Tell whether all that is wanted is there, and nothing else."""
        return self.current and self.replicas == self.updated == self.ready == self.wanted


def workload_verdict(workload: Workload) -> Verdict:
    """Say what a Deployment's state means for its pool."""
    trouble = workload.failure or workload.pods
    if workload.settled and workload.failure is None:
        return replace(programmed(_settled_message(workload)), requeue_seconds=SETTLED_SECONDS)
    if workload.deadline is not None:
        told = trouble or workload.deadline
        message = f"{_progress(workload)}; {told.reason}: {told.message}"
        return replace(verdict_of(Invalid(workload.deadline.reason, message)), requeue_seconds=UNSETTLED_SECONDS)
    if trouble is not None:
        message = f"{_progress(workload)}; {trouble.message}"
        return replace(verdict_of(Waiting(trouble.reason, message)), requeue_seconds=UNSETTLED_SECONDS)
    return _in_progress(workload)


def _in_progress(workload: Workload) -> Verdict:
    message = _progress(workload)
    works = workload.ready > 0 or workload.wanted == 0
    ready = Condition(
        type="Ready",
        status="True" if works else "False",
        reason="Programmed" if works else "Progressing",
        message=f"plan and buckets in place; {message}",
    )
    reconciling = Condition(type="Reconciling", status="True", reason="Progressing", message=message)
    return Verdict(conditions=(ready, reconciling), requeue_seconds=UNSETTLED_SECONDS)


def _progress(workload: Workload) -> str:
    return f"{workload.ready} of {workload.wanted} dispatchers ready, {workload.updated} up to date"


def _settled_message(workload: Workload) -> str:
    if not workload.wanted:
        return "plan and buckets in place; no dispatcher is wanted now"
    plural = "s" if workload.wanted > 1 else ""
    return f"plan and buckets in place, {workload.wanted} dispatcher{plural} ready"
