"""The record of one delivery attempt, published in batches on `jethook.attempts.<namespace>`."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from jethook_contract.record import Record

Result = Literal["Delivered", "Failed", "DeadLettered"]


class AttemptRecord(Record):
    """One attempt, as history keeps it.

    `attempt_id` is a ULID. `attempt` counts from 1; 0 where an event is dead-lettered without an attempt.
    `duration_milliseconds` runs from the start of the request to the end of the answer. `status_code` is 0 when no
    answer came. `error_reason` is CamelCase, empty on success. `answer_excerpt` is the answer's beginning, bounded.
    """

    version: Literal[1] = 1
    attempt_id: str
    namespace: str
    endpoint: str
    subscription: str
    event_id: str
    event_source: str
    event_type: str
    webhook_id: str
    stream_sequence: int
    attempt: int
    started_at: AwareDatetime
    duration_milliseconds: int
    result: Result
    status_code: int = 0
    error_reason: str = ""
    error_message: str = ""
    answer_excerpt: str = ""


class AttemptBatch(Record):
    """Up to 1,000 attempts of one namespace, oldest first."""

    version: Literal[1] = 1
    attempts: tuple[AttemptRecord, ...]
