"""Decide on a DispatcherPool: its settings in the plan, and its status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from jethook_contract.plan import PoolPlan
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.core.conditions import Verdict, programmed
from jethook_operator.core.pool_replicas import Desired, scaling_fields
from jethook_operator.core.pool_settings import selector_text
from jethook_operator.core.pool_workload import Workload, workload_verdict
from jethook_operator.core.resources import Key
from jethook_operator.core.status import Condition, StatusPatch

REPLICAS_FOR_DURABILITY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolReport:
    """What was seen of a pool's Deployment after its children were put in line, and how many replicas it was given."""

    workload: Workload
    desired: Desired


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDecision:
    """What shall be in the plan bucket, and the status."""

    plan: PoolPlan
    verdict: Verdict
    status: StatusPatch


def bare_plan(name: str) -> PoolPlan:
    """Give the plan of a pool without an object (`default` only): no address is opened that is closed by default."""
    return PoolPlan(pool=name)


def decide_pool(
    pool: DispatcherPool, *, replicas: int, report: PoolReport | None = None, now: datetime | None = None
) -> PoolDecision:
    """Decide on a pool; `replicas` are those of the streams, `report` is None where its dispatchers are others' work.

    `now` is needed with a report alone.
    """
    if report is None or now is None:
        verdict, fields = programmed("plan and buckets in place"), {}
    else:
        verdict, fields = _verdict(report), _fields(pool, report=report, now=now)
    return PoolDecision(
        plan=pool_plan(pool),
        verdict=verdict,
        status=pool_status(pool, verdict=verdict, replicas=replicas, fields=fields),
    )


def pool_plan(pool: DispatcherPool) -> PoolPlan:
    """Write the pool's settings for its dispatchers."""
    egress = pool.spec.egress
    return PoolPlan(
        pool=pool.metadata.name, allowed_cidrs=tuple(egress.allowed_cidrs), denied_cidrs=tuple(egress.denied_cidrs)
    )


def pool_status(
    pool: DispatcherPool, *, verdict: Verdict, replicas: int, fields: Mapping[str, object] | None = None
) -> StatusPatch:
    """Write the status of a pool; without `fields` those that it has are kept, so that an autoscaler sees them on."""
    metadata = pool.metadata
    return StatusPatch(
        key=Key("DispatcherPool", metadata.namespace, metadata.name),
        uid=metadata.uid,
        observed_generation=metadata.generation,
        conditions=(*verdict.conditions, _durable(replicas)),
        fields=_kept(pool) if fields is None else fields,
    )


def _verdict(report: PoolReport) -> Verdict:
    verdict = workload_verdict(report.workload)
    due = [seconds for seconds in (verdict.requeue_seconds, report.desired.again_seconds) if seconds is not None]
    return replace(verdict, requeue_seconds=min(due, default=None))


def _fields(pool: DispatcherPool, *, report: PoolReport, now: datetime) -> dict[str, object]:
    before = pool.status.scaling if pool.status is not None else None
    return {
        "replicas": report.workload.replicas,
        "readyReplicas": report.workload.ready,
        "selector": selector_text(pool.metadata.name),
        "scaling": scaling_fields(report.desired, before=before, now=now),
    }


def _kept(pool: DispatcherPool) -> dict[str, object]:
    if pool.status is None:
        return {}
    kept = {"replicas", "ready_replicas", "selector", "scaling"}
    return pool.status.model_dump(mode="json", by_alias=True, exclude_none=True, include=kept)


def _durable(replicas: int) -> Condition:
    if replicas >= REPLICAS_FOR_DURABILITY:
        return Condition(
            type="Durable", status="True", reason="Replicated", message=f"streams have {replicas} replicas"
        )
    return Condition(
        type="Durable",
        status="False",
        reason="SingleReplica",
        message="streams have one replica: a lost disk loses events, a power cut the last ones (NATS sync_interval)",
    )
