"""Decide on a DispatcherPool: its settings in the plan, and its status."""

from __future__ import annotations

from dataclasses import dataclass

from jethook_contract.plan import PoolPlan
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.core.conditions import programmed
from jethook_operator.core.resources import Key
from jethook_operator.core.status import Condition, StatusPatch

REPLICAS_FOR_DURABILITY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDecision:
    """What shall be in the plan bucket, and the status; None where the pool has no object."""

    plan: PoolPlan
    status: StatusPatch | None


def decide_pool(name: str, *, pool: DispatcherPool | None, replicas: int) -> PoolDecision:
    """Decide; a pool without an object (`default` only) opens no address that is closed by default."""
    if pool is None:
        return PoolDecision(plan=PoolPlan(pool=name), status=None)
    egress = pool.spec.egress
    plan = PoolPlan(
        pool=name, allowed_cidrs=tuple(egress.allowed_cidrs), denied_cidrs=tuple(egress.denied_cidrs)
    )
    conditions = (*programmed("plan and buckets in place").conditions, _durable(replicas))
    metadata = pool.metadata
    status = StatusPatch(
        key=Key("DispatcherPool", metadata.namespace, metadata.name),
        uid=metadata.uid,
        observed_generation=metadata.generation,
        conditions=conditions,
    )
    return PoolDecision(plan=plan, status=status)


def _durable(replicas: int) -> Condition:
    if replicas >= REPLICAS_FOR_DURABILITY:
        return Condition(type="Durable", status="True", reason="Replicated", message=f"streams have {replicas} replicas")
    return Condition(
        type="Durable",
        status="False",
        reason="SingleReplica",
        message="streams have one replica: a lost disk loses events, a power cut the last ones (NATS sync_interval)",
    )
