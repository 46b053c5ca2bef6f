"""The record of one delivery attempt, published in batches on `jethook.attempts.<namespace>`.

Readers decode an `AttemptBatch`. A dispatcher makes thousands of records a second, of values that it has checked
already: it writes `AttemptLine`s, the same JSON at a third of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

import orjson
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


AttemptLine = TypedDict(  # noqa: UP013 -- the names are those of the JSON
    "AttemptLine",
    {
        "version": Literal[1],
        "attemptId": str,
        "namespace": str,
        "endpoint": str,
        "subscription": str,
        "eventId": str,
        "eventSource": str,
        "eventType": str,
        "webhookId": str,
        "streamSequence": int,
        "attempt": int,
        "startedAt": datetime,
        "durationMilliseconds": int,
        "result": Result,
        "statusCode": int,
        "errorReason": str,
        "errorMessage": str,
        "answerExcerpt": str,
    },
)
"""An `AttemptRecord` as it is written, field for field; `startedAt` is in UTC."""


def encode_lines(lines: Sequence[AttemptLine]) -> bytes:
    """Write what `AttemptBatch.decode` reads."""
    return orjson.dumps({"version": 1, "attempts": lines}, option=orjson.OPT_UTC_Z)
