"""From counters, plan and backlog to what a user sees: `status.delivery` and the condition `Delivering`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from jethook_contract.plan import PlanPart
from jethook_contract.status import DeliveringCondition, DeliveryState, DeliveryStatus, LastError
from jethook_dispatcher.core.counters import Counters
from jethook_dispatcher.core.standing import ParkedKeys, Standing

Kind = Literal["WebhookEndpoint", "Subscription"]
ConditionStatus = Literal["True", "False", "Unknown"]

MAX_UNACKNOWLEDGED = 20_000  # max_ack_pending of a consumer (design section 4)
REFUSAL_SHOWN_SECONDS = 120.0
_MINUTE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits: `pending` never handed out, `unacknowledged` was; `in_flight` of those are being tried now."""

    pending: int = 0
    unacknowledged: int = 0
    in_flight: int = 0
    oldest_stored_at: datetime | None = None
    nearly_full: bool = False

    @property
    def events(self) -> int:
        """Count all that is not delivered yet."""
        return self.pending + self.unacknowledged

    @staticmethod
    def sum_of(backlogs: list[Backlog]) -> Backlog:
        """Add up the backlogs of an endpoint's Subscriptions."""
        return Backlog(
            nearly_full=any(backlog.nearly_full for backlog in backlogs),
            pending=sum(backlog.pending for backlog in backlogs),
            unacknowledged=sum(backlog.unacknowledged for backlog in backlogs),
            in_flight=sum(backlog.in_flight for backlog in backlogs),
            oldest_stored_at=min((b.oldest_stored_at for b in backlogs if b.oldest_stored_at), default=None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why the dispatcher cannot serve a plan part at all."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a report is made of, for one object at one moment.

    `parts`: an endpoint's, or the one of a Subscription. `full`: one of their consumers is at its bound. `at` is the
    wall clock, `now` the same moment in seconds that never go back. `standing` is the endpoint's, None before its
    lane has told of it; `parked` are an ordered Subscription's keys that wait.
    """

    kind: Kind
    parts: tuple[PlanPart, ...]
    counters: Counters
    backlog: Backlog
    at: datetime
    now: float
    full: bool = False
    fault: Fault | None = None
    standing: Standing | None = None
    parked: ParkedKeys = field(default_factory=ParkedKeys)


def state_of(situation: Situation) -> DeliveryState:  # noqa: PLR0911 -- a list, the first that holds
    """Name the state; the first that holds."""
    states = {part.state for part in situation.parts}
    counters = situation.counters
    if "Active" not in states:
        return "Suspended" if "Suspended" in states else "Pending"
    if situation.fault is not None:
        return "Pending"
    held_back = _held_back(situation.standing)
    if held_back is not None:
        return held_back
    if situation.parked.blocked:
        return "KeyBlocked"
    if situation.full:
        return "RetryBacklogFull"
    if situation.backlog.nearly_full:
        return "NearlyFull"
    if counters.failing or _dead_letters_full(situation):
        return "Failing"
    return "Idle" if counters.last_attempt_time is None else "Healthy"


def _held_back(standing: Standing | None) -> DeliveryState | None:
    """Name the state that the endpoint's gate gives, None when it lets events through at its usual pace."""
    if standing is None:
        return None
    report = standing.report
    if report.disabled is not None:
        return "Disabled"
    if report.limited_by == "Handshake":
        return "Pending"
    if report.circuit != "Closed":
        return "CircuitOpen"
    return "Throttled" if report.limited_by in ("Throttling", "RetryAfter") else None


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
    if situation.kind == "Subscription":
        parked = situation.parked
        count = parked.count if situation.parts and situation.parts[0].ordering is not None else None
        keys = None if count is None else parked.keys
        return status.model_copy(update={"parked_keys": keys, "parked_key_count": count})
    report = situation.standing.report if situation.standing else None
    p50, p99 = counters.latency_milliseconds()
    return status.model_copy(
        update={
            "limited_by": report.limited_by if report else None,
            "allowed_requests_per_second": report.allowed_requests_per_second if report else None,
            "handshake": situation.standing.handshake if situation.standing else None,
            "in_flight": backlog.in_flight,
            "success_percent": counters.success_percent(),
            "last_attempt_time": _seconds(counters.last_attempt_time),
            "next_attempt_time": _seconds(counters.next_attempt_time(at=situation.at)),
            "p50_milliseconds": p50,
            "p99_milliseconds": p99,
        }
    )


def delivering_condition(situation: Situation, *, previous: DeliveringCondition | None) -> DeliveringCondition:
    """Write the condition; its transition time changes with its status only."""
    status, reason, message = _verdict(situation)
    same = previous is not None and previous.status == status
    return DeliveringCondition(
        status=status,
        reason=reason,
        message=message,
        last_transition_time=previous.last_transition_time if previous and same else _whole(situation.at),
        observed_generation=_generation(situation),
    )


def _verdict(situation: Situation) -> tuple[ConditionStatus, str, str]:  # noqa: PLR0911 -- one for each state
    state = state_of(situation)
    if state == "Pending":
        return _pending(situation)
    if state == "NearlyFull":
        events = situation.backlog.events
        return "True", state, f"the events stream is four fifths full; {events} events wait here (spec.backlog)"
    if state == "Throttled":
        return "True", state, f"{_error(situation)}; the receiver's answers slow deliveries down"
    if state in ("Disabled", "CircuitOpen", "KeyBlocked"):
        return "False", state, _held_back_message(situation, state=state)
    if state in ("RetryBacklogFull", "Failing"):
        return ("False", *_trouble(situation, state=state))
    if state == "Suspended":
        return "False", "Suspended", f"suspended (spec.suspend); {situation.backlog.events} events wait"
    if state == "Idle":
        return "Unknown", "Idle", "nothing was sent yet"
    return "True", "Delivering", f"delivering to {_host(situation)}"


def _held_back_message(situation: Situation, *, state: DeliveryState) -> str:
    standing = situation.standing
    if state == "KeyBlocked":
        return f"all places are taken by {situation.parked.count} keys that wait for another attempt (status.delivery)"
    if standing is None:
        return _error(situation)
    disabled = standing.report.disabled
    if disabled is not None:
        return f"{disabled.message}; change the spec, or give the annotation jethook.io/resume another value"
    probe = f"next probe {standing.next_probe_at:%H:%M:%SZ}" if standing.next_probe_at else "a probe is under way"
    return f"{_error(situation)}; {probe}"


def _pending(situation: Situation) -> tuple[ConditionStatus, str, str]:
    if situation.fault is not None:
        return "False", situation.fault.reason, situation.fault.message
    if situation.standing is not None and situation.standing.report.limited_by == "Handshake":
        shake = situation.standing.handshake
        if shake is None:
            return "Unknown", "HandshakePending", "the receiver has not been asked for consent yet"
        return "False", f"Handshake{shake.state}", shake.message
    part = next(iter(situation.parts), None)
    if part is None or not part.reason:
        return "Unknown", "Pending", "the operator has not completed the plan yet"
    return "Unknown", part.reason, part.message


def _trouble(situation: Situation, *, state: DeliveryState) -> tuple[str, str]:
    if state == "RetryBacklogFull":
        return state, f"{MAX_UNACKNOWLEDGED} events are in back-off, new ones wait; {_error(situation)}"
    if _dead_letters_full(situation):
        return "DeadLettersFull", "the dead-letter stream is full, events that failed for good wait; empty it"
    error = situation.counters.last_error
    return (error.reason if error else state), _error(situation)


def _error(situation: Situation) -> str:
    """Say what went wrong, such as `503 from crm.example.com (14 in the last minute)`."""
    error = situation.counters.last_error
    if error is None:
        return "no attempt has failed yet"
    failures = situation.counters.recent.failures(now=situation.now, seconds=_MINUTE)
    if error.status_code:
        what = f"{error.status_code} from {_host(situation)}"
    else:
        what = f"{_host(situation)}: {error.message or error.reason}"
    return f"{what} ({failures} in the last minute)" if failures else what


def _host(situation: Situation) -> str:
    for part in situation.parts:
        if part.target is not None:
            return urlsplit(part.target.urls[0].url).hostname or "the endpoint"
    return "the endpoint"


def _generation(situation: Situation) -> int:
    objects = (part.endpoint if situation.kind == "WebhookEndpoint" else part.subscription for part in situation.parts)
    return max((one.generation for one in objects), default=0)


def _dead_letters_full(situation: Situation) -> bool:
    refused_at = situation.counters.dead_letters_refused_at
    return refused_at is not None and (situation.at - refused_at).total_seconds() < REFUSAL_SHOWN_SECONDS


def _rounded(error: LastError | None) -> LastError | None:
    return error.model_copy(update={"time": _whole(error.time)}) if error else None


def _seconds(moment: datetime | None) -> datetime | None:
    return None if moment is None else _whole(moment)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
