"""Decide on a DispatcherPool: its settings in the plan, and its status."""

from __future__ import annotations

from dataclasses import dataclass

from jethook_contract.plan import PoolPlan
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.core.conditions import Verdict, programmed
from jethook_operator.core.resources import Key
from jethook_operator.core.status import Condition, StatusPatch

REPLICAS_FOR_DURABILITY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDecision:
    """What shall be in the plan bucket, and the status."""

    plan: PoolPlan
    verdict: Verdict
    status: StatusPatch


def bare_plan(name: str) -> PoolPlan:
    """Give the plan of a pool without an object (`default` only): no address is opened that is closed by default."""
    return PoolPlan(pool=name)


def decide_pool(pool: DispatcherPool, *, replicas: int) -> PoolDecision:
    """Decide on a pool; `replicas` are those of the streams."""
    metadata, egress = pool.metadata, pool.spec.egress
    verdict = programmed("plan and buckets in place")
    return PoolDecision(
        plan=PoolPlan(
            pool=metadata.name, allowed_cidrs=tuple(egress.allowed_cidrs), denied_cidrs=tuple(egress.denied_cidrs)
        ),
        verdict=verdict,
        status=StatusPatch(
            key=Key("DispatcherPool", metadata.namespace, metadata.name),
            uid=metadata.uid,
            observed_generation=metadata.generation,
            conditions=(*verdict.conditions, _durable(replicas)),
        ),
    )


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
