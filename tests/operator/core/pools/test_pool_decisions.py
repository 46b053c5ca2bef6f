"""How many replicas, who may use a pool, and what its status says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jethook_contract.errors import Invalid, Waiting
from jethook_operator.api.dispatcherpool import DispatcherPoolStatus, ScalingStatus
from jethook_operator.core.conditions import programmed
from jethook_operator.core.pool import PoolReport, decide_pool, pool_status
from jethook_operator.core.pool_access import check_pool, same_terms
from jethook_operator.core.pool_replicas import Desired, external_replicas, kept_replicas, scaling_fields
from jethook_operator.core.pool_workload import Workload
from jethook_operator.core.resources import Broken, Key
from tests.operator.core.endpoints import an_endpoint
from tests.operator.core.pools.test_pool_children import pool

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
EXTERNAL = {"scaling": {"mode": "External"}}


@pytest.mark.parametrize(
    ("spec", "current", "replicas"),
    [
        ({}, None, 1),
        ({}, 0, 1),
        ({}, 2, 2),
        ({}, 9, 3),
        ({"minReplicas": 0}, None, 0),
        ({"minReplicas": 0}, 0, 0),
    ],
)
def test_what_runs_is_kept_within_bounds(spec: dict[str, Any], current: int | None, replicas: int) -> None:
    assert kept_replicas(pool(**spec), current=current).replicas == replicas


@pytest.mark.parametrize(
    ("spec", "current", "replicas"),
    [({"replicas": 7}, 2, 7), ({"replicas": 0}, 2, 0), ({}, 9, 9), ({}, None, 1), ({"minReplicas": 2}, None, 2)],
)
def test_external_follows_the_pool_and_not_its_bounds(spec: dict[str, Any], current: int | None, replicas: int) -> None:
    assert external_replicas(pool(**spec, **EXTERNAL), current=current).replicas == replicas


def test_a_load_that_wavers_is_no_reason_to_write_a_status() -> None:
    first = scaling_fields(
        Desired(replicas=2, reason="Load", message="a", utilization_percent=50), before=None, now=NOW
    )
    before = ScalingStatus.model_validate(first)
    wavering = Desired(replicas=2, reason="Load", message="b", utilization_percent=57)
    assert scaling_fields(wavering, before=before, now=NOW) == first
    risen = Desired(replicas=2, reason="Load", message="b", utilization_percent=60)
    assert scaling_fields(risen, before=before, now=NOW)["utilizationPercent"] == 60


def test_the_time_of_scaling_changes_with_the_number_alone() -> None:
    first = scaling_fields(Desired(replicas=2, reason="Load", message="a"), before=None, now=NOW)
    before = ScalingStatus.model_validate(first)
    later = NOW.replace(hour=11)
    other_reason = scaling_fields(Desired(replicas=2, reason="Idle", message="b"), before=before, now=later)
    assert other_reason["lastScaleTime"] == first["lastScaleTime"]
    more = scaling_fields(Desired(replicas=3, reason="Load", message="b"), before=before, now=later)
    assert more["lastScaleTime"] != first["lastScaleTime"]


def test_the_status_has_what_an_autoscaler_reads_and_keeps_it_on_a_failure() -> None:
    report = PoolReport(
        workload=Workload(wanted=2, current=True, replicas=2, updated=2, ready=2),
        desired=Desired(replicas=2, reason="Load", message="a", again_seconds=15.0),
    )
    decision = decide_pool(pool(), replicas=1, report=report, now=NOW)
    fields = decision.status.fields
    assert fields["replicas"] == fields["readyReplicas"] == 2
    assert fields["selector"] == "app.kubernetes.io/name=jethook-dispatcher,app.kubernetes.io/instance=eu"
    assert decision.verdict.requeue_seconds == 15.0
    stored = pool().model_copy(update={"status": DispatcherPoolStatus.model_validate(fields)})
    assert pool_status(stored, verdict=programmed(""), replicas=1).fields == fields


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (pool(), None),
        (pool(allowedNamespaces=["shop"]), None),
        (pool(allowedNamespaces=["crm"]), Invalid),
        (pool(allowedNamespaces=[]), Invalid),
        (Broken(Key("DispatcherPool", "jethook-system", "eu"), "u", 1, "no"), None),
        (None, Waiting),
    ],
)
def test_an_endpoint_may_use_the_pools_that_are_open_to_its_namespace(found: Any, error: Any) -> None:
    chosen = an_endpoint(poolRef={"name": "eu"})
    if error is None:
        assert check_pool(chosen, pool=found) == "eu"
        return
    with pytest.raises(error, match=r"spec\.poolRef"):
        check_pool(chosen, pool=found)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (pool(), pool(minReplicas=2, egress={"allowedCIDRs": ["10.0.0.0/8"]}), True),
        (pool(allowedNamespaces=["a", "b"]), pool(allowedNamespaces=["b", "a"]), True),
        (pool(), pool(allowedNamespaces=["a"]), False),
        (None, pool(), False),
        (pool(), None, False),
    ],
)
def test_only_the_allowed_namespaces_of_a_pool_concern_its_endpoints(one: Any, other: Any, *, same: bool) -> None:
    assert same_terms(one, other) is same
