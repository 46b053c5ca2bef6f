"""The scaling loop: look at what every pool has to do, decide how many dispatchers it shall have, and tell the queue.

The number that was asked for last is where a decision starts; after a start of the operator that is the Deployment's.
What is shown changes with the number, and otherwise at most once a minute: a status that follows every wink of the load
would be written all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from jethook_contract.errors import JethookError
from jethook_contract.metric_families import Family, Reading, Values
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.core import metric_families
from jethook_operator.core.resources import Key, ResourceReader
from jethook_operator.core.scaling import PoolLoad, ScalingDecision, ScalingMemory, ScalingPolicy, decide_replicas

LOOK_SECONDS = 5.0
AT_ZERO_SECONDS = 1.5
SHOW_SECONDS = 60.0
SHOWN_STEP_PERCENT = 10
COST_SHARE = 20  # a look may take a twentieth of the time
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Pool:
    """What is remembered of one pool; `shown` None: nothing was asked for yet, or others decide."""

    memory: ScalingMemory = field(default_factory=ScalingMemory)
    load: PoolLoad | None = None
    shown: ScalingDecision | None = None
    shown_at: float = 0.0


class Loads(Protocol):
    """What pools have to do; see `PoolLoads`. Its methods raise Unavailable while that cannot be known."""

    async def look(self) -> None:
        """Begin a round."""

    async def of(self, pool: str, *, target_percent: int) -> PoolLoad:
        """Give the load of one pool in this round."""

    def forget(self) -> None:
        """Begin anew."""


class PoolScaling:
    """Decide for all pools of the operator's namespace; `desired` is for the reconciler, `run` is the loop."""

    def __init__(
        self,
        loads: Loads,
        *,
        reader: ResourceReader,
        namespace: str,
        enqueue: Callable[[Key], None],
        monotonic: Callable[[], float] = time.monotonic,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._loads = loads
        self._reader = reader
        self._namespace = namespace
        self._enqueue = enqueue
        self._monotonic = monotonic
        self._look_seconds = look_seconds
        self._pools: dict[str, _Pool] = {}

    def desired(self, pool: str, *, current: int | None) -> ScalingDecision | None:
        """Give the number to have now, or None where the operator does not decide (External, or no such pool).

        `current`: what the Deployment asks for, None where there is none; it counts only until the first decision.
        """
        found = self._reader.pool(pool)
        if not isinstance(found, DispatcherPool) or found.spec.scaling.mode != "Builtin":
            if pool in self._pools:
                self._pools[pool].shown, self._pools[pool].memory = None, ScalingMemory()
            return None
        known = self._pools.setdefault(pool, _Pool())
        policy = policy_of(found)
        if known.shown is None:
            known.shown, known.shown_at = _first(found, policy=policy, current=current), self._monotonic()
        if not policy.min_replicas <= known.shown.replicas <= policy.max_replicas:
            known.shown, known.shown_at = self._decide(known, shown=known.shown, policy=policy), self._monotonic()
        return known.shown

    def reconnected(self) -> None:
        """Forget figures: NATS may have lost what it had."""
        self._loads.forget()

    async def run(self) -> None:
        """Look and decide until cancelled; a look that costs much is followed by a longer pause."""
        while True:
            began = self._monotonic()
            try:
                await self.look()
            except Exception:  # noqa: BLE001 -- the top of a task: one failed look leaves the next alone
                _log.exception("scaling_look_failed", reason="Bug")
            spent = self._monotonic() - began
            at_zero = any(one.shown is not None and one.shown.replicas == 0 for one in self._pools.values())
            pause = min(AT_ZERO_SECONDS, self._look_seconds) if at_zero else self._look_seconds
            await asyncio.sleep(max(pause - spent, COST_SHARE * spent))

    async def look(self) -> None:
        """Look at all pools once."""
        names = {key.name for key in self._reader.keys("DispatcherPool")}
        for gone in self._pools.keys() - names:
            del self._pools[gone]
        known = bool(names) and self._reader.synced and await _answered(self._loads.look())
        for name in sorted(names):
            found = self._reader.pool(name)
            if isinstance(found, DispatcherPool):
                await self._look_at(found, known=known)

    @property
    def readings(self) -> Mapping[Family, Reading]:
        """Give the metrics, by pool; while a pool's load is not known it has none but what is desired."""
        return {
            metric_families.POOL_DESIRED: self._desired_values,
            metric_families.POOL_UTILIZATION: lambda: self._values(_utilization),
            metric_families.POOL_DELIVERABLE: lambda: self._values(lambda load: load.deliverable),
            metric_families.POOL_UNDELIVERED: lambda: self._values(lambda load: load.undelivered),
        }

    async def _look_at(self, pool: DispatcherPool, *, known: bool) -> None:
        name, policy = pool.metadata.name, policy_of(pool)
        load: PoolLoad | None = None
        if known:
            with contextlib.suppress(JethookError):
                load = await self._loads.of(name, target_percent=policy.target_utilization_percent)
        entry = self._pools.setdefault(name, _Pool())
        entry.load = load
        if entry.shown is None:
            return  # others decide, or the reconciler has not asked yet
        now, shown = self._monotonic(), entry.shown
        decision = self._decide(entry, shown=shown, policy=policy)
        entry.memory = decision.memory
        if decision.replicas != shown.replicas:
            _log.info(
                "pool_scaled",
                pool=name,
                replicas=decision.replicas,
                before=shown.replicas,
                reason=decision.reason,
                message=decision.message,
            )
        if decision.replicas != shown.replicas or (now - entry.shown_at >= SHOW_SECONDS and _news(decision, shown)):
            entry.shown, entry.shown_at = decision, now
            self._enqueue(Key("DispatcherPool", self._namespace, name))

    def _decide(self, entry: _Pool, *, shown: ScalingDecision, policy: ScalingPolicy) -> ScalingDecision:
        return decide_replicas(
            policy=policy, load=entry.load, current=shown.replicas, memory=entry.memory, now=self._monotonic()
        )

    def _desired_values(self) -> Values:
        return {(name,): one.shown.replicas for name, one in self._pools.items() if one.shown is not None}

    def _values(self, figure: Callable[[PoolLoad], float | None]) -> Values:
        found = {name: figure(one.load) for name, one in self._pools.items() if one.load is not None}
        return {(name,): value for name, value in found.items() if value is not None}


def _utilization(load: PoolLoad) -> float | None:
    """Give the mean utilisation as a ratio, Prometheus's base unit."""
    percent = load.mean_percent
    return None if percent is None else percent / 100


def policy_of(pool: DispatcherPool) -> ScalingPolicy:
    """Read a pool's policy from its spec."""
    spec, scaling = pool.spec, pool.spec.scaling
    return ScalingPolicy(
        min_replicas=spec.min_replicas,
        max_replicas=spec.max_replicas,
        target_utilization_percent=scaling.target_utilization_percent,
        idle_seconds=scaling.idle_seconds,
        scale_down_stabilization_seconds=scaling.scale_down_stabilization_seconds,
    )


def _first(pool: DispatcherPool, *, policy: ScalingPolicy, current: int | None) -> ScalingDecision:
    """Begin with what runs, and with the words of the status where they are about that number."""
    replicas = policy.min_replicas if current is None else current
    begun = decide_replicas(policy=policy, load=None, current=replicas, memory=ScalingMemory(), now=0.0)
    told = pool.status.scaling if pool.status is not None else None
    if told is None or told.desired_replicas != begun.replicas or not told.reason:
        return begun
    return replace(begun, reason=told.reason, message=told.message or "", utilization_percent=told.utilization_percent)


def _news(decision: ScalingDecision, shown: ScalingDecision) -> bool:
    now, then = decision.utilization_percent, shown.utilization_percent
    if decision.reason != shown.reason or (now is None) is not (then is None):
        return True
    return now is not None and then is not None and abs(now - then) >= SHOWN_STEP_PERCENT


async def _answered(request: Awaitable[None]) -> bool:
    try:
        await request
    except JethookError as exc:
        _log.debug("pool_loads_unknown", reason=exc.reason, message=exc.message)
        return False
    return True
