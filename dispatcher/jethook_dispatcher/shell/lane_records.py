"""Write down one attempt for the attempts log."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from jethook_contract.attempt import AttemptLine, Result
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.tray import Item
from jethook_dispatcher.shell.lane_source import event_of


class Subject(NamedTuple):
    """What is the same for all events of one attempt; `attempt` counts from 1."""

    delivery_id: str
    attempt: int
    started_at: datetime


def record_of(
    item: Item, *, part: PlanPart, subject: Subject, outcome: Outcome, result: Result, attempt_id: str
) -> AttemptLine:
    """Make the record of one event's share in an attempt."""
    event = event_of(item)
    return {
        "version": 1,
        "attemptId": attempt_id,
        "namespace": part.namespace,
        "endpoint": part.endpoint.name,
        "subscription": part.subscription.name,
        "eventId": event.id,
        "eventSource": event.source,
        "eventType": event.type,
        "webhookId": subject.delivery_id,
        "streamSequence": item.sequence,
        "attempt": subject.attempt,
        "startedAt": subject.started_at,
        "durationMilliseconds": int(outcome.duration_seconds * 1000),
        "result": result,
        "statusCode": outcome.status_code,
        "errorReason": outcome.reason,
        "errorMessage": outcome.message,
        "answerExcerpt": outcome.answer_excerpt,
    }
