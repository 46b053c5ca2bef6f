"""Parts, outcomes and a clock for reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jethook_contract.plan import ObjectId, PlanPart, State, Target
from jethook_contract.target import TargetUrl
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.lane_reports import AttemptReport

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
OK = Outcome(kind="Delivered", status_code=200, duration_seconds=0.01)
BUSY = Outcome(kind="Retry", status_code=503, reason="HTTPStatus", message="Service Unavailable", duration_seconds=0.01)
LATE = Outcome(kind="Retry", reason="Timeout", message="no complete answer within 15 s", duration_seconds=15)


class ManualClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:  # type: ignore[override] # a static method in the real one
        return self.seconds

    def now(self) -> datetime:  # type: ignore[override] # a static method in the real one
        return START + timedelta(seconds=self.seconds)


def plan_part(
    *,
    namespace: str = "shop",
    endpoint: str = "crm",
    subscription: str = "orders-to-crm",
    state: State = "Active",
    endpoint_uid: str = "e-1",
    subscription_uid: str = "s-1",
    generation: int = 4,
    reason: str = "",
    message: str = "",
) -> PlanPart:
    return PlanPart(
        namespace=namespace,
        endpoint=ObjectId(name=endpoint, uid=endpoint_uid, generation=generation),
        subscription=ObjectId(name=subscription, uid=subscription_uid, generation=1),
        state=state,
        reason=reason,
        message=message,
        stream=f"JETHOOK_EVENTS_{namespace}",
        consumer=f"sub_{subscription}",
        target=Target(urls=(TargetUrl(url="https://user:pw@crm.example.com/in?token=t"),))
        if state == "Active"
        else None,
    )


def attempt(
    part: PlanPart, outcome: Outcome, *, clock: ManualClock, number: int = 1, next_attempt_at: datetime | None = None
) -> AttemptReport:
    return AttemptReport(
        part=part, outcome=outcome, attempt=number, ended_at=clock.now(), next_attempt_at=next_attempt_at
    )
