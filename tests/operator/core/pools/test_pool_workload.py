"""What a Deployment's state means for its pool, and how it is read."""

from __future__ import annotations

from typing import Any

import pytest

from jethook_operator.core.pool_workload import Trouble, Workload, workload_verdict
from jethook_operator.shell.pool_observation import pods_trouble, workload_of

PULL = Trouble("ImagePullBackOff", "pod a: no such image")
QUOTA = Trouble("QuotaExceeded", "exceeded quota: pods")
DEADLINE = Trouble("ProgressDeadlineExceeded", "timed out")


def seen(wanted: int, ready: int, **more: Any) -> Workload:
    given: dict[str, Any] = {"current": True, "replicas": ready, "updated": ready, **more}
    return Workload(wanted=wanted, ready=ready, **given)


@pytest.mark.parametrize(
    ("workload", "conditions", "again"),
    [
        (seen(2, 2), [("Ready", "True", "Programmed")], 60.0),
        (seen(0, 0), [("Ready", "True", "Programmed")], 60.0),
        (Workload(wanted=1), [("Ready", "False", "Progressing"), ("Reconciling", "True", "Progressing")], 5.0),
        (seen(1, 0), [("Ready", "False", "Progressing"), ("Reconciling", "True", "Progressing")], 5.0),
        (seen(3, 1), [("Ready", "True", "Programmed"), ("Reconciling", "True", "Progressing")], 5.0),
        (
            seen(1, 1, updated=0, replicas=2, pods=PULL),
            [("Ready", "False", "ImagePullBackOff"), ("Reconciling", "True", "ImagePullBackOff")],
            5.0,
        ),
        (
            seen(3, 1, failure=QUOTA),
            [("Ready", "False", "QuotaExceeded"), ("Reconciling", "True", "QuotaExceeded")],
            5.0,
        ),
        (
            seen(1, 0, deadline=DEADLINE, pods=PULL),
            [("Ready", "False", "ProgressDeadlineExceeded"), ("Stalled", "True", "ProgressDeadlineExceeded")],
            5.0,
        ),
    ],
)
def test_a_deployments_state_becomes_conditions(
    workload: Workload, conditions: list[tuple[str, str, str]], again: float
) -> None:
    verdict = workload_verdict(workload)
    assert [(one.type, one.status, one.reason) for one in verdict.conditions] == conditions
    assert verdict.requeue_seconds == again


def test_a_stalled_pool_says_why_its_pods_do_not_start() -> None:
    message = workload_verdict(seen(1, 0, deadline=DEADLINE, pods=PULL)).conditions[0].message
    assert message == "0 of 1 dispatchers ready, 0 up to date; ImagePullBackOff: pod a: no such image"


@pytest.mark.parametrize(
    ("status", "workload"),
    [
        ({}, Workload(wanted=2)),
        ({"observedGeneration": 2}, Workload(wanted=2)),
        (
            {"observedGeneration": 3, "replicas": 3, "updatedReplicas": 1, "readyReplicas": 2},
            Workload(wanted=2, current=True, replicas=3, updated=1, ready=2),
        ),
        (
            {
                "observedGeneration": 3,
                "conditions": [
                    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "slow"},
                    {
                        "type": "ReplicaFailure",
                        "status": "True",
                        "reason": "FailedCreate",
                        "message": 'pods "a" is forbidden: exceeded quota: small',
                    },
                ],
            },
            Workload(
                wanted=2,
                current=True,
                failure=Trouble("QuotaExceeded", 'pods "a" is forbidden: exceeded quota: small'),
                deadline=Trouble("ProgressDeadlineExceeded", "slow"),
            ),
        ),
    ],
)
def test_a_deployment_is_read_from_what_its_controller_writes(status: dict[str, Any], workload: Workload) -> None:
    found = {"metadata": {"generation": 3}, "spec": {"replicas": 2}, "status": status}
    assert workload_of(found) == workload


def pod(name: str, *, waiting: dict[str, str] | None = None, **status: Any) -> dict[str, Any]:
    state = {"waiting": waiting} if waiting else {"running": {}}
    return {"metadata": {"name": name}, "status": {"containerStatuses": [{"state": state}], **status}}


UNSCHEDULED = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]


@pytest.mark.parametrize(
    ("pods", "trouble"),
    [
        ([], None),
        ([pod("a")], None),
        ([pod("a", waiting={"reason": "ContainerCreating"})], None),
        ([pod("b"), pod("a", waiting={"reason": "ImagePullBackOff", "message": "no such image"})], PULL),
        ([pod("a", waiting={"reason": "CrashLoopBackOff"})], Trouble("CrashLoopBackOff", "pod a: CrashLoopBackOff")),
        ([pod("a", conditions=UNSCHEDULED)], Trouble("Unschedulable", "pod a has no node: 0/3 nodes")),
        (
            [{"metadata": {"name": "a", "deletionTimestamp": "2026-11-24T10:00:00Z"}, "status": {}}],
            None,
        ),
    ],
)
def test_the_first_pod_that_says_why_it_does_not_run_is_quoted(
    pods: list[dict[str, Any]], trouble: Trouble | None
) -> None:
    assert pods_trouble(pods) == trouble
