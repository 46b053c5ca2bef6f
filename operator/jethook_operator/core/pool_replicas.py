"""How many dispatchers a pool shall have, and what its status says of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jethook_operator.api.dispatcherpool import DispatcherPool, ScalingStatus

MIN_TOLD_CHANGE_PERCENT = 10  # a status that followed every wink of the load would be written all the time


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """How many dispatchers there shall be, and why; `again_seconds`: when to ask again, None for no matter."""

    replicas: int
    reason: str
    message: str
    utilization_percent: int | None = None
    again_seconds: float | None = None


def unscaled_replicas(pool: DispatcherPool, *, current: int | None) -> Desired:
    """Decide without looking at any load: what others say in mode External, what runs otherwise."""
    decide = external_replicas if pool.spec.scaling.mode == "External" else kept_replicas
    return decide(pool, current=current)


def external_replicas(pool: DispatcherPool, *, current: int | None) -> Desired:
    """Follow spec.replicas, which others write; without it keep what runs."""
    if pool.spec.replicas is not None:
        return Desired(replicas=pool.spec.replicas, reason="External", message="as spec.replicas says")
    replicas = pool.spec.min_replicas if current is None else current
    return Desired(replicas=replicas, reason="External", message="spec.replicas is not set: as many as there were")


def kept_replicas(pool: DispatcherPool, *, current: int | None) -> Desired:
    """Keep what runs, between minReplicas and maxReplicas; minReplicas at first."""
    spec = pool.spec
    replicas = spec.min_replicas if current is None else min(max(current, spec.min_replicas), spec.max_replicas)
    return Desired(replicas=replicas, reason="WithinBounds", message="kept between minReplicas and maxReplicas")


def scaling_fields(desired: Desired, *, before: ScalingStatus | None, now: datetime) -> dict[str, Any]:
    """Write status.scaling; equal to `before` unless the number, the reason, or the load noticeably changed."""
    if before is not None and not _worth_telling(desired, before=before):
        return before.model_dump(mode="json", by_alias=True, exclude_none=True)
    scaled_at = before.last_scale_time if before is not None else None
    if before is None or before.desired_replicas != desired.replicas:
        scaled_at = now
    told = ScalingStatus(
        desired_replicas=desired.replicas,
        reason=desired.reason,
        message=desired.message[:1024],
        utilization_percent=desired.utilization_percent,
        last_scale_time=scaled_at.replace(microsecond=0) if scaled_at else None,
    )
    return told.model_dump(mode="json", by_alias=True, exclude_none=True)


def _worth_telling(desired: Desired, *, before: ScalingStatus) -> bool:
    if (desired.replicas, desired.reason) != (before.desired_replicas, before.reason):
        return True
    now, then = desired.utilization_percent, before.utilization_percent
    if now is None or then is None:
        return now is not then
    return abs(now - then) >= MIN_TOLD_CHANGE_PERCENT
