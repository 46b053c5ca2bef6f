"""What an object's conditions say: one function maps the kind of an error to conditions, event and requeue.

kstatus reads them: Ready alone never fails a rollout, Stalled does; Reconciling says that waiting is worthwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jethook_contract.errors import Bug, Invalid, JethookError, Waiting
from jethook_operator.core.status import Condition

WAITING_SECONDS = 300.0  # a reference's arrival is the next try; this is for an arrival that nobody told of
MAX_MESSAGE_CHARACTERS = 1024  # of an event; a condition would take more


@dataclass(frozen=True, slots=True, kw_only=True)
class EventNote:
    """An event to record on the object at hand."""

    severity: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a reconcile went, for the status of its object.

    `event` is recorded when the status was in fact written. `requeue_seconds`: None, when nothing is due.
    """

    conditions: tuple[Condition, ...]
    event: EventNote | None = None
    requeue_seconds: float | None = None


def programmed(message: str, *, reason: str = "Programmed") -> Verdict:
    """Say that the object is accepted and in place."""
    return Verdict(conditions=(Condition(type="Ready", status="True", reason=reason, message=message),))


def verdict_of(error: JethookError) -> Verdict:
    """Map an error to a status. Invalid: Stalled. Waiting and Unavailable: Reconciling. A Bug is raised again."""
    if isinstance(error, Bug):
        raise error
    message = error.message[:MAX_MESSAGE_CHARACTERS]
    ready = Condition(type="Ready", status="False", reason=error.reason, message=message)
    event = EventNote(severity="Warning", reason=error.reason, message=message)
    if isinstance(error, Invalid):
        stalled = Condition(type="Stalled", status="True", reason=error.reason, message=message)
        return Verdict(conditions=(ready, stalled), event=event)
    reconciling = Condition(type="Reconciling", status="True", reason=error.reason, message=message)
    again = WAITING_SECONDS if isinstance(error, Waiting) else None
    return Verdict(conditions=(ready, reconciling), event=event, requeue_seconds=again)
