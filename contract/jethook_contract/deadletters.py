"""A dead letter: the event as it was, with headers that say why it was given up.

It lies at `jethook.deadletters.<namespace>.<subscription>`; its sequence there is its id. Headers of the event are kept
but for those of NATS and Jethook; what sends it again leaves Jethook's out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from jethook_contract.errors import Invalid
from jethook_contract.subjects import DEADLETTERS_PREFIX

MESSAGE_ID = "Nats-Msg-Id"
REASON = "Jethook-Reason"
ATTEMPTS = "Jethook-Attempts"
LAST_ERROR = "Jethook-Last-Error"
STATUS_CODE = "Jethook-Status-Code"
ANSWER_EXCERPT = "Jethook-Answer-Excerpt"
WEBHOOK_ID = "Jethook-Webhook-Id"
DIED_AT = "Jethook-Died-At"
STORED_AT = "Jethook-Stored-At"
EVENT_SEQUENCE = "Jethook-Event-Sequence"
EVENT_SUBJECT = "Jethook-Event-Subject"
SUBSCRIPTION = "Jethook-Subscription"
ENDPOINT = "Jethook-Endpoint"

MAX_HEADER_CHARACTERS = 512

_OURS = ("nats-", "jethook-")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # what nats-py sends; a server stores more


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One event that was given up, for one Subscription.

    `sequence`: its id, in the dead-letter stream. `attempts`: those that were made. `status_code`: of the last answer,
    0 for none; `answer_excerpt` its beginning. `stored_at`: when JetStream first had the event, None when unknown.
    `event_sequence`: in the events stream, 0 when unknown. `endpoint`: `<namespace>/<name>`. `headers`, `data`: the
    message as the producer sent it.
    """

    sequence: int
    namespace: str
    subscription: str
    reason: str
    died_at: datetime
    attempts: int = 0
    last_error: str = ""
    status_code: int = 0
    answer_excerpt: str = ""
    webhook_id: str = ""
    stored_at: datetime | None = None
    event_sequence: int = 0
    event_subject: str = ""
    endpoint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    data: bytes = field(default=b"", repr=False)


def read(*, sequence: int, subject: str, headers: Mapping[str, str] | None, data: bytes, time: datetime) -> DeadLetter:
    """Read a stored dead letter; `time` is when the stream stored it.

    What a header says wrongly, or an older writer left out, is taken as unknown: every dead letter can be looked at and
    removed. Raises Invalid `BadSubject` for what lies at a subject that is no dead letters' one.
    """
    namespace, found, subscription = subject.removeprefix(DEADLETTERS_PREFIX).partition(".")
    if not subject.startswith(DEADLETTERS_PREFIX) or not found:
        raise Invalid(
            "BadSubject", f"message {sequence} lies at no subject of dead letters; remove it with the NATS tool"
        )
    given = headers or {}
    return DeadLetter(
        sequence=sequence,
        namespace=namespace,
        subscription=subscription,
        reason=given.get(REASON, "Unknown"),
        died_at=_time(given.get(DIED_AT)) or time,
        attempts=_number(given.get(ATTEMPTS)),
        last_error=given.get(LAST_ERROR, ""),
        status_code=_number(given.get(STATUS_CODE)),
        answer_excerpt=given.get(ANSWER_EXCERPT, ""),
        webhook_id=given.get(WEBHOOK_ID, ""),
        stored_at=_time(given.get(STORED_AT)),
        event_sequence=_number(given.get(EVENT_SEQUENCE)),
        event_subject=given.get(EVENT_SUBJECT, ""),
        endpoint=given.get(ENDPOINT, ""),
        headers=producers_headers(given),
        data=data,
    )


def producers_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Give the headers that came with an event, without those that NATS and Jethook write, in whatever case."""
    return {
        name: value
        for name, value in (headers or {}).items()
        if _TOKEN.fullmatch(name) and not name.lower().startswith(_OURS)
    }


def one_line(text: str) -> str:
    """Make a text fit for a header: printable, at most `MAX_HEADER_CHARACTERS`."""
    return "".join(c if c.isprintable() else " " for c in text[:MAX_HEADER_CHARACTERS]).strip()


def _number(text: str | None) -> int:
    return int(text) if text and len(text) < 20 and text.isascii() and text.isdigit() else 0  # noqa: PLR2004 -- 64 bits


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
