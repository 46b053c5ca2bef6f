"""Reconcile a DispatcherPool: plan in NATS, children in the cluster where the operator owns them, status."""

from __future__ import annotations

from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.core.conditions import Verdict
from jethook_operator.core.pool import PoolDecision, decide_pool, pool_plan, pool_status
from jethook_operator.core.pool_replicas import Desired, unscaled_replicas
from jethook_operator.core.status import StatusPatch
from jethook_operator.shell.plans import Plans
from jethook_operator.shell.pool_scaling import PoolScaling
from jethook_operator.shell.surroundings import DesiredReplicas, Surroundings


def scaled_by(scaling: PoolScaling) -> DesiredReplicas:
    """Decide by the scaling loop; without a decision of its own, as in mode External, what others say counts."""

    async def desired(pool: DispatcherPool, *, current: int | None) -> Desired:
        decision = scaling.desired(pool.metadata.name, current=current)
        if decision is None:
            return unscaled_replicas(pool, current=current)
        return Desired(
            replicas=decision.replicas,
            reason=decision.reason,
            message=decision.message,
            utilization_percent=decision.utilization_percent,
        )

    return desired


class Pools:
    """Bring pools in line; `replicas` are those of the streams."""

    def __init__(self, plans: Plans, *, surroundings: Surroundings, replicas: int) -> None:
        self._plans = plans
        self._around = surroundings
        self._replicas = replicas

    async def bring_in_line(self, pool: DispatcherPool) -> PoolDecision:
        """Write plan and children, and decide on the status. Raises JethookError, after the plan was written."""
        await self._plans.ensure_pool(pool_plan(pool))
        work = self._around.children
        report = None if work is None else await work.bring_in_line(pool)
        return decide_pool(pool, replicas=self._replicas, report=report, now=self._around.now())

    def failed_status(self, pool: DispatcherPool, *, verdict: Verdict) -> StatusPatch:
        """Write the status of a pool that could not be brought in line."""
        return pool_status(pool, verdict=verdict, replicas=self._replicas)

    async def gone(self, name: str) -> None:
        """Remove what a pool that is gone leaves in the cluster; its plan is empty once its endpoints left."""
        if self._around.children is not None and self._around.reader.synced:
            await self._around.children.remove(name)
