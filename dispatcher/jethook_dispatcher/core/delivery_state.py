"""From counters, plan and backlog to what a user sees: `status.delivery` and the condition `Delivering`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from jethook_contract.status import DeliveringCondition, DeliveryState, DeliveryStatus, LastError
from jethook_dispatcher.core.delivery_words import verdict_on
from jethook_dispatcher.core.situation import Backlog, Fault, Kind, Situation

__all__ = [
    "MAX_UNACKNOWLEDGED",
    "Backlog",
    "Fault",
    "Kind",
    "Situation",
    "delivering_condition",
    "delivery_status",
    "state_of",
]

MAX_UNACKNOWLEDGED = 20_000  # max_ack_pending of a consumer (design section 4)


def state_of(situation: Situation) -> DeliveryState:
    """Name the state: the first of `PRECEDENCE` that holds, or was handed down."""
    handed_down = situation.handed_down
    return next((state for state, holds in PRECEDENCE if state == handed_down or holds(situation)), "Healthy")


def _suspended(situation: Situation) -> bool:
    states = {part.state for part in situation.parts}
    return "Active" not in states and "Suspended" in states


def _pending(situation: Situation) -> bool:
    if situation.fault is not None or all(part.state != "Active" for part in situation.parts):
        return True
    return situation.standing is not None and situation.standing.report.limited_by == "Handshake"


def _disabled(situation: Situation) -> bool:
    return situation.standing is not None and situation.standing.report.disabled is not None


def _circuit_open(situation: Situation) -> bool:
    return situation.standing is not None and situation.standing.report.circuit != "Closed"


def _throttled(situation: Situation) -> bool:
    standing = situation.standing
    return standing is not None and standing.report.limited_by in ("Throttling", "RetryAfter")


def _degraded(situation: Situation) -> bool:
    return bool(situation.attempts_fail or situation.open_targets or situation.dead_letters_lately)


# What ends deliveries comes before what only hampers them, so that `Delivering` is False wherever nothing gets through.
PRECEDENCE: tuple[tuple[DeliveryState, Callable[[Situation], bool]], ...] = (
    ("Suspended", _suspended),
    ("Pending", _pending),
    ("Disabled", _disabled),
    ("CircuitOpen", _circuit_open),
    ("KeyBlocked", lambda situation: situation.parked.blocked),
    ("RetryBacklogFull", lambda situation: situation.full),
    ("DeadLettersFull", lambda situation: situation.dead_letters_full),
    ("Failing", lambda situation: situation.counters.failing),
    ("Throttled", _throttled),
    ("NearlyFull", lambda situation: situation.backlog.nearly_full),
    ("Degraded", _degraded),
    ("Idle", lambda situation: situation.counters.last_attempt_time is None),
    ("Healthy", lambda _: True),
)


def delivery_status(situation: Situation) -> DeliveryStatus:
    """Write `status.delivery`; a Subscription has fewer fields than an endpoint. Times are whole seconds."""
    counters, backlog = situation.counters, situation.backlog
    status = DeliveryStatus(
        state=state_of(situation),
        delivered=counters.delivered,
        retried=counters.retried,
        failed_attempts=counters.failed_attempts,
        dead_lettered=counters.dead_lettered,
        backlog=backlog.events,
        oldest_undelivered_time=_seconds(backlog.oldest_stored_at),
        last_delivery_time=_seconds(counters.last_delivery_time),
        last_error=_rounded(counters.last_error),
    )
    fields = _subscription_fields if situation.kind == "Subscription" else _endpoint_fields
    return status.model_copy(update=fields(situation, state=status.state))


def delivering_condition(situation: Situation, *, previous: DeliveringCondition | None) -> DeliveringCondition:
    """Write the condition; its transition time changes with its status only."""
    state = state_of(situation)
    if previous is not None and (state == situation.handed_down or _nothing_new(situation, previous, state=state)):
        return previous.model_copy(update={"observed_generation": _generation(situation)})
    verdict = verdict_on(situation, state=state)
    same = previous is not None and previous.status == verdict.status
    return DeliveringCondition(
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message,
        last_transition_time=previous.last_transition_time if previous and same else _whole(situation.at),
        observed_generation=_generation(situation),
    )


def _nothing_new(situation: Situation, previous: DeliveringCondition, *, state: DeliveryState) -> bool:
    """Tell whether all that is known of failures is what the former owner said of them."""
    return state == previous.reason == "Degraded" and not situation.counters.recent.attempts


def _subscription_fields(situation: Situation, *, state: DeliveryState) -> dict[str, object]:  # noqa: ARG001 -- as its twin
    ordered = bool(situation.parts) and situation.parts[0].ordering is not None
    if not ordered:
        return {}
    return {"parked_keys": situation.parked.keys, "parked_key_count": situation.parked.count}


def _endpoint_fields(situation: Situation, *, state: DeliveryState) -> dict[str, object]:
    counters = situation.counters
    p50, p99 = counters.latency_milliseconds()
    return {
        **_gate_fields(situation, state=state),
        "in_flight": situation.backlog.in_flight,
        "success_percent": counters.success_percent(),
        "last_attempt_time": _seconds(counters.last_attempt_time),
        "p50_milliseconds": p50,
        "p99_milliseconds": p99,
    }


def _gate_fields(situation: Situation, *, state: DeliveryState) -> dict[str, object]:
    standing, former = situation.standing, situation.counters.former
    if standing is None and state == situation.handed_down:
        return {
            "limited_by": former.limited_by,
            "allowed_requests_per_second": former.allowed_requests_per_second,
            "handshake": former.handshake,
            "next_attempt_time": former.next_attempt_time,
        }
    report = standing.report if standing else None
    return {
        "limited_by": report.limited_by if report else None,
        "allowed_requests_per_second": report.allowed_requests_per_second if report else None,
        "handshake": standing.handshake if standing else None,
        "next_attempt_time": _seconds(_next_attempt(situation, state=state)),
    }


def _next_attempt(situation: Situation, *, state: DeliveryState) -> datetime | None:
    """Give the moment of the next attempt where something waits for one: that of the probe, else the next retry's."""
    if state in ("Suspended", "Pending", "Disabled"):
        return None
    retry = situation.counters.next_attempt_time(at=situation.at)
    standing = situation.standing
    if state != "CircuitOpen" or standing is None:
        return retry
    probe = standing.next_probe_at if standing.report.circuit == "Open" else None
    if probe is None or situation.backlog.pending:
        return probe
    return max(probe, retry) if retry is not None else (probe if situation.backlog.events else None)


def _generation(situation: Situation) -> int:
    objects = (part.endpoint if situation.kind == "WebhookEndpoint" else part.subscription for part in situation.parts)
    return max((one.generation for one in objects), default=0)


def _rounded(error: LastError | None) -> LastError | None:
    return error.model_copy(update={"time": _whole(error.time)}) if error else None


def _seconds(moment: datetime | None) -> datetime | None:
    return None if moment is None else _whole(moment)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
