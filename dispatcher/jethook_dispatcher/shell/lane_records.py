"""Write down one attempt for the attempts log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jethook_contract.attempt import AttemptRecord, Result
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.tray import Item
from jethook_dispatcher.shell.lane_source import event_of


@dataclass(frozen=True, slots=True)
class Subject:
    """What is the same for all events of one attempt; `attempt` counts from 1."""

    delivery_id: str
    attempt: int
    started_at: datetime


def record_of(
    item: Item, *, part: PlanPart, subject: Subject, outcome: Outcome, result: Result, attempt_id: str
) -> AttemptRecord:
    """Make the record of one event's share in an attempt."""
    event = event_of(item)
    return AttemptRecord(
        attempt_id=attempt_id,
        namespace=part.namespace,
        endpoint=part.endpoint.name,
        subscription=part.subscription.name,
        event_id=event.id,
        event_source=event.source,
        event_type=event.type,
        webhook_id=subject.delivery_id,
        stream_sequence=item.sequence,
        attempt=subject.attempt,
        started_at=subject.started_at,
        duration_milliseconds=int(outcome.duration_seconds * 1000),
        result=result,
        status_code=outcome.status_code,
        error_reason=outcome.reason,
        error_message=outcome.message,
        answer_excerpt=outcome.answer_excerpt,
    )
