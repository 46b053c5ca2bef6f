"""How many dispatchers a pool shall have, from what they do and what waits: the decision of scaling mode Builtin.

Utilisation comes first, in proportion: as many as bring the members to the target on average (as the Kubernetes
HorizontalPodAutoscaler computes it, with its tolerance of a tenth). Members that are still starting count as idle when
more are asked for, and as busy when fewer are. Backlog comes second, one dispatcher at a time, and only what could be
delivered now: nothing that waits for its endpoint (`scaling_load.py`). More are taken when that was wanted for ten
seconds on end, at most twice as many at once; fewer when no look within the stabilisation wanted more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from jethook_operator.core.scaling_window import Highest, Lowest
from jethook_operator.core.scaling_words import message_of

TOLERANCE_PERCENT = 10
UP_SECONDS = 10.0
LAG_SECONDS = 30.0
MIN_LAG_EVENTS = 100
GAP_SECONDS = 60.0  # without a look: what was wanted meanwhile is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingPolicy:
    """What the pool's spec says: `min_replicas` (0 or more) to `max_replicas` (1 or more), times in seconds."""

    min_replicas: int = 1
    max_replicas: int = 3
    target_utilization_percent: int = 60
    idle_seconds: float = 300.0
    scale_down_stabilization_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLoad:
    """What a look at a pool found, Subscriptions that are suspended or withheld left out.

    `utilization_percents`: of each live member, 0 to 100. `waiting`: events never handed out. `in_flight`: handed out
    and not acknowledged, those in back-off among them. `gated`: of `waiting`, what waits for its endpoint and not for a
    dispatcher. `busy_shards`: those with something to do; more members than that find nothing. `lagging`: of what could
    be delivered now, what would take its shard more than a minute, in so many `lagging_shards`. `handed_out`: events
    since the look before.
    """

    utilization_percents: tuple[int, ...] = ()
    waiting: int = 0
    in_flight: int = 0
    gated: int = 0
    busy_shards: int = 0
    lagging: int = 0
    lagging_shards: int = 0
    handed_out: int = 0

    @property
    def undelivered(self) -> int:
        """Count all that is not delivered."""
        return self.waiting + self.in_flight

    @property
    def deliverable(self) -> int:
        """Count what could be delivered now."""
        return max(0, self.waiting - self.gated)

    @property
    def mean_percent(self) -> int | None:
        """Give the members' utilisation on average; None without members."""
        percents = self.utilization_percents
        return round(sum(percents) / len(percents)) if percents else None

    @property
    def lags(self) -> bool:
        """Tell whether enough lags to be worth a dispatcher."""
        return self.lagging >= MIN_LAG_EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingMemory:
    """What later decisions need of earlier looks; times are monotonic seconds, None for never.

    `since`: begin of the looks without a gap. `grown_at`: when more were taken last. `idle_since`: since when there was
    no work; `lag_since`: since when the backlog lags, or since the last step for it. `most` and `least` are what was
    wanted lately.
    """

    looked_at: float | None = None
    since: float | None = None
    grown_at: float | None = None
    idle_since: float | None = None
    lag_since: float | None = None
    most: Highest = field(default=Highest())
    least: Lowest = field(default=Lowest())


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingDecision:
    """How many, and why: `reason` as one CamelCase word, `message` with the figures, `memory` for the next decision."""

    replicas: int
    reason: str
    message: str
    memory: ScalingMemory
    utilization_percent: int | None = None


def decide_replicas(
    *, policy: ScalingPolicy, load: PoolLoad | None, current: int, memory: ScalingMemory, now: float
) -> ScalingDecision:
    """Decide; `current` is the number asked for so far, `load` None while it cannot be known.

    The number is within the policy's bounds always, and 0 only where nothing waits.
    """
    if load is not None:
        memory = _looked(memory, load=load, now=now)
    within = min(max(current, policy.min_replicas), policy.max_replicas)
    if within != current:
        reason = "BelowMinimum" if within > current else "AboveMaximum"
        return _decision(within, reason, policy=policy, load=load, memory=memory)
    if load is None:
        return _decision(current, "LoadUnknown", policy=policy, load=load, memory=memory)
    if current == 0:
        replicas, reason = (1, "EventsWait") if load.undelivered else (0, "Idle")
        return _decision(replicas, reason, policy=policy, load=load, memory=memory)
    if not load.utilization_percents:
        return _decision(current, "NoMembers", policy=policy, load=load, memory=memory)
    if _idle(memory, policy=policy, now=now):
        return _decision(0, "Idle", policy=policy, load=load, memory=memory)
    return _by_load(policy=policy, load=load, current=current, memory=memory, now=now)


def _by_load(
    *, policy: ScalingPolicy, load: PoolLoad, current: int, memory: ScalingMemory, now: float
) -> ScalingDecision:
    wished = _wished(load, target=policy.target_utilization_percent, current=current)
    useful = max(current, load.busy_shards)
    by_utilization = min(wished, useful)
    lasting = memory.lag_since is not None and now - memory.lag_since >= LAG_SECONDS
    by_lag = 0 if memory.lag_since is None else min(current + lasting, max(current, load.lagging_shards))
    wanted = _within(max(by_utilization, by_lag, 1), policy)
    memory = replace(
        memory,
        most=memory.most.add(wanted, now=now, seconds=policy.scale_down_stabilization_seconds),
        least=memory.least.add(_within(by_utilization, policy), now=now, seconds=UP_SECONDS),
    )
    steady = memory.least.value if now - _latest(memory.since, memory.grown_at) >= UP_SECONDS else current
    up = _within(min(max(steady, by_lag), 2 * current), policy)
    if up > current:
        reason = "UtilizationHigh" if steady > current else "BacklogLasts"
        memory = replace(memory, grown_at=now, lag_since=now if memory.lag_since is not None else None)
        return _decision(up, reason, policy=policy, load=load, memory=memory, wished=wished)
    covered = now - _latest(memory.since) >= policy.scale_down_stabilization_seconds
    down = memory.most.value if covered else current
    if down < current:
        return _decision(down, "UtilizationLow", policy=policy, load=load, memory=memory, wished=wished)
    reason = _why_as_before(policy, current=current, wished=wished, wanted=wanted, useful=useful)
    return _decision(current, reason, policy=policy, load=load, memory=memory, wished=wished)


def _wished(load: PoolLoad, *, target: int, current: int) -> int:
    """Give the number that brings the members to the target on average; `current` within the tolerance."""
    total, missing = sum(load.utilization_percents), max(0, current - len(load.utilization_percents))
    aim = target * current
    if 100 * total > (100 + TOLERANCE_PERCENT) * aim:
        return math.ceil(total / target)
    if 100 * (total + missing * target) < (100 - TOLERANCE_PERCENT) * aim:
        return min(current, math.ceil(total / target) + missing)
    return current


def _why_as_before(policy: ScalingPolicy, *, current: int, wished: int, wanted: int, useful: int) -> str:
    if wished > current:
        if current >= policy.max_replicas:
            return "AtMaximum"
        return "FewBusyEndpoints" if useful <= current else "Stabilizing"
    if wanted < current:
        return "Stabilizing"
    if wished >= current:
        return "WithinTolerance"
    if current == max(policy.min_replicas, 1):
        return "AtMinimum" if policy.min_replicas else "LastDispatcher"
    return "BacklogInFewShards"


def _looked(memory: ScalingMemory, *, load: PoolLoad, now: float) -> ScalingMemory:
    """Take note of a look; after a gap all that has to last begins anew."""
    if memory.looked_at is None or now - memory.looked_at > GAP_SECONDS:
        memory = ScalingMemory(since=now)
    idle, lags = not load.undelivered and not load.handed_out, load.lags
    return replace(
        memory,
        looked_at=now,
        idle_since=(now if memory.idle_since is None else memory.idle_since) if idle else None,
        lag_since=(now if memory.lag_since is None else memory.lag_since) if lags else None,
    )


def _idle(memory: ScalingMemory, *, policy: ScalingPolicy, now: float) -> bool:
    lasting = memory.idle_since is not None and now - memory.idle_since >= policy.idle_seconds
    return policy.min_replicas == 0 and lasting


def _latest(*times: float | None) -> float:
    return max(time for time in times if time is not None)


def _within(replicas: int, policy: ScalingPolicy) -> int:
    return min(max(replicas, policy.min_replicas, 1), policy.max_replicas)


def _decision(
    replicas: int,
    reason: str,
    *,
    policy: ScalingPolicy,
    load: PoolLoad | None,
    memory: ScalingMemory,
    wished: int | None = None,
) -> ScalingDecision:
    mean = None if load is None else load.mean_percent
    figures = {
        "replicas": replicas,
        "members": 0 if load is None else len(load.utilization_percents),
        "mean": 0 if mean is None else mean,
        "target": policy.target_utilization_percent,
        "wished": replicas if wished is None else wished,
        "min": policy.min_replicas,
        "max": policy.max_replicas,
        "undelivered": 0 if load is None else load.undelivered,
        "lagging": 0 if load is None else load.lagging,
        "lagging_shards": 0 if load is None else load.lagging_shards,
        "busy": 0 if load is None else load.busy_shards,
        "idle": round(policy.idle_seconds),
        "window": round(policy.scale_down_stabilization_seconds),
    }
    return ScalingDecision(
        replicas=replicas,
        reason=reason,
        message=message_of(reason, figures=figures),
        memory=memory,
        utilization_percent=mean,
    )
