"""What the scale test promises, and whether a run kept it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.measures import excess
from bench.results import Result

READY_SECONDS = 30.0
MANY_SECONDS = 300.0
QUIET_SECONDS = 30.0
KIBIBYTES = 32.0
WRITES_PER_SECOND = 25
BURST = 25
JITTER_WRITES = 8  # what the budget lets go may arrive together: the writer has eight requests out at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What was seen while every endpoint failed.

    `writes`: when statuses changed, monotonic seconds. `failed`: endpoints that were asked to deliver, of `endpoints`.
    `events`: Kubernetes Events that the operator wrote.
    """

    writes: Sequence[float]
    seconds: float
    endpoints: int
    requests: int
    events: int


def ready(*, endpoints: int, subscriptions: int, applied_seconds: float, seconds: float, writes: int) -> Result:
    """Judge how soon what is applied at once is Ready, counted from the first request of the apply."""
    figures: dict[str, object] = {
        "endpoints": endpoints,
        "subscriptions": subscriptions,
        "applied_seconds": round(applied_seconds, 1),
        "ready_seconds": round(seconds, 1),
        "status_writes": writes,
    }
    return Result(ok=seconds <= READY_SECONDS, bound=f"all Ready within {READY_SECONDS:.0f} s", figures=figures)


def many(*, subscriptions: int, applied_seconds: float, seconds: float, cpu_seconds: float) -> Result:
    """Judge how soon all Subscriptions are reconciled, counted from the first request of the apply."""
    figures: dict[str, object] = {
        "subscriptions": subscriptions,
        "applied_seconds": round(applied_seconds, 1),
        "ready_seconds": round(seconds, 1),
        "operator_cpu_ms_each": round(cpu_seconds * 1000 / subscriptions, 2),
    }
    return Result(ok=seconds <= MANY_SECONDS, bound=f"all Ready within {MANY_SECONDS:.0f} s", figures=figures)


def rest(*, seconds: float, writes: int, cpu_seconds: float) -> Result:
    """Judge that nothing is written while nothing happens."""
    figures: dict[str, object] = {
        "seconds": round(seconds, 1),
        "api_writes": writes,
        "operator_cpu_percent": round(cpu_seconds / seconds * 100, 1),
    }
    return Result(ok=writes == 0, bound="no write", figures=figures)


def restart(*, subscriptions: int, seconds: float, writes: int, jetstream_writes: int, cpu_seconds: float) -> Result:
    """Judge that an operator that starts anew is soon done with looking, and finds nothing to do."""
    figures: dict[str, object] = {
        "subscriptions": subscriptions,
        "quiet_seconds": round(seconds, 1),
        "api_writes": writes,
        "jetstream_writes": jetstream_writes,
        "operator_cpu_seconds": round(cpu_seconds, 1),
    }
    ok = seconds <= QUIET_SECONDS and writes == 0 and jetstream_writes == 0
    return Result(ok=ok, bound=f"quiet within {QUIET_SECONDS:.0f} s, nothing written", figures=figures)


def memory(*, subscriptions: int, empty_mebibytes: float, full_mebibytes: float) -> Result:
    """Judge what the operator's memory grows by for each Subscription, right after a start."""
    each = (full_mebibytes - empty_mebibytes) * 1024 / subscriptions
    figures: dict[str, object] = {
        "subscriptions": subscriptions,
        "rss_mb_empty": round(empty_mebibytes, 1),
        "rss_mb": round(full_mebibytes, 1),
        "kib_each": round(each, 1),
    }
    return Result(ok=each <= KIBIBYTES, bound=f"{KIBIBYTES:.0f} KiB a Subscription", figures=figures)


def storm(seen: Storm) -> Result:
    """Judge that a failure of every endpoint keeps within the budget of status writes, over any length of time."""
    over = excess(seen.writes, per_second=WRITES_PER_SECOND, burst=BURST)
    figures: dict[str, object] = {
        "endpoints": seen.endpoints,
        "seconds": round(seen.seconds, 1),
        "requests": seen.requests,
        "status_writes": len(seen.writes),
        "status_writes_a_second": round(len(seen.writes) / seen.seconds, 1),
        "writes_over_budget": round(over, 1),
        "kubernetes_events": seen.events,
    }
    real = seen.requests >= seen.endpoints and len(seen.writes) > 0
    bound = (
        f"every endpoint tried; {WRITES_PER_SECOND} status writes/s with a burst of {BURST} ({JITTER_WRITES} jitter)"
    )
    return Result(ok=real and over <= JITTER_WRITES, bound=bound, figures=figures)
