"""The outcome of one delivery attempt, and how an answer becomes one.

A failed attempt is a value. What a status or a fault means is looked up in `answers.py`.
"""

from __future__ import annotations

import email.utils
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import NamedTuple

from jethook_dispatcher.core.answers import (
    DELIVERY_HEADER,
    Answer,
    Fault,
    Health,
    OutcomeKind,
    answer_of,
    directives,
    fault_of,
)

__all__ = ["NotStarted", "Outcome", "OutcomeKind", "excerpt", "failure", "outcome_of_answer", "retry_after_seconds"]

ANSWERED = "HTTPStatus"
MAX_EXCERPT_BYTES = 1024
MAX_RETRY_AFTER_SECONDS = 366 * 24 * 3600
_MAX_RETRY_AFTER_CHARACTERS = 64
_FIRST_REDIRECT = 300
_FIRST_FAULT = 400


class Outcome(NamedTuple):
    """Say how one attempt ended.

    `kind`: `Delivered`; `Retry` (whether there is another attempt is `core/retry.py`'s to say); `Abort`, the receiver
    wants this event no more; `Disable`, it wants none, and the event waits. `disables`: the endpoint is disabled, also
    where the event itself was delivered or aborted.
    `status_code`: 0 when no answer came. `reason`: CamelCase, empty on success: `HTTPStatus`, `Timeout`,
    `ConnectFailed`, `ConnectionClosed`, `TLSFailed`, `NameNotResolved`, `AddressDenied`, `BadAnswer`, `BadRequest`.
    `message`: short, for people; holds no userinfo, query or secret. `retry_after_seconds`: what the answer asks for,
    None when it asks for nothing. `answer_excerpt`: the answer's beginning, printable, at most 1 KiB.
    `duration_seconds`: from the start of the request to the end of the answer.
    """

    kind: OutcomeKind
    status_code: int = 0
    reason: str = ""
    message: str = ""
    retry_after_seconds: int | None = None
    answer_excerpt: str = ""
    duration_seconds: float = 0.0
    disables: bool = False

    @property
    def delivered(self) -> bool:
        """Tell whether the receiver accepted the event."""
        return self.kind == "Delivered"

    @property
    def health(self) -> Health:
        """Say what the circuit of the target learns: a receiver that answers what is to be done is up."""
        return self._row.health if self.kind == "Retry" else "Up"

    @property
    def throttles(self) -> bool:
        """Tell whether the receiver is given fewer requests from now on."""
        row = self._row
        return self.kind == "Retry" and isinstance(row, Answer) and row.throttles

    @property
    def fails_over(self) -> bool:
        """Tell whether another target may do better at once; never where this answer says when to come back."""
        return self.kind == "Retry" and self.retry_after_seconds is None and self._row.fails_over

    @property
    def unsent(self) -> bool:
        """Tell whether no byte of the request can have reached the receiver."""
        row = self._row
        return self.kind == "Retry" and isinstance(row, Fault) and row.unsent

    @property
    def _row(self) -> Answer | Fault:
        # A fault may carry the status of an answer that broke off; then the fault counts.
        if self.reason in {"", ANSWERED} and self.status_code:
            return answer_of(self.status_code)
        return fault_of(self.reason)


@dataclass(frozen=True, slots=True)
class NotStarted:
    """Nothing was sent, since the caller may not start attempts any more; it is no attempt and counts nowhere."""


def outcome_of_answer(
    status_code: int, *, headers: Mapping[str, str], body: bytes, now: datetime, duration_seconds: float
) -> Outcome:
    """Judge a complete answer.

    `headers`: names compared as the mapping does (give a case-insensitive one). `body`: its beginning, of any length.
    `now`: aware; a `Retry-After` date counts from it.
    """
    wish = directives(headers.get(DELIVERY_HEADER))
    kind = _kind(status_code, wish=wish)
    disables = "disable" in wish or answer_of(status_code).kind == "Disable"
    if kind == "Delivered":
        return Outcome(
            kind="Delivered",
            status_code=status_code,
            answer_excerpt=excerpt(body) if body else "",
            duration_seconds=duration_seconds,
            disables=disables,
        )
    return Outcome(
        kind=kind,
        status_code=status_code,
        reason=ANSWERED,
        message=_phrase(status_code),
        retry_after_seconds=retry_after_seconds(headers.get("Retry-After"), now=now),
        answer_excerpt=excerpt(body),
        duration_seconds=duration_seconds,
        disables=disables,
    )


def failure(reason: str, *, message: str, duration_seconds: float, status_code: int = 0) -> Outcome:
    """Make the outcome of an attempt that has no complete answer."""
    return Outcome(
        kind="Retry", status_code=status_code, reason=reason, message=message, duration_seconds=duration_seconds
    )


def retry_after_seconds(value: str | None, *, now: datetime) -> int | None:
    """Read a `Retry-After` header: whole seconds or an HTTP date (RFC 9110, 10.2.3); None for none or nonsense.

    A date in the past is 0; more than `MAX_RETRY_AFTER_SECONDS` becomes that. Dates are rounded up: never early.
    """
    if value is None or len(value) > _MAX_RETRY_AFTER_CHARACTERS:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(int(text), MAX_RETRY_AFTER_SECONDS)
    try:
        date = email.utils.parsedate_to_datetime(text)
        seconds = math.ceil((_aware(date) - now).total_seconds())
    except (ValueError, OverflowError, TypeError):
        return None
    return max(0, min(seconds, MAX_RETRY_AFTER_SECONDS))


def excerpt(body: bytes) -> str:
    """Give the beginning of an answer as printable text; what is not printable becomes a space."""
    text = body[:MAX_EXCERPT_BYTES].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _kind(status_code: int, *, wish: frozenset[str]) -> OutcomeKind:
    kind = answer_of(status_code).kind
    if kind == "Delivered" or not wish:
        return kind
    return "Abort" if "abort-message" in wish else "Disable"


def _aware(date: datetime) -> datetime:
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


def _phrase(status_code: int) -> str:
    try:
        phrase = HTTPStatus(status_code).phrase
    except ValueError:
        phrase = "unassigned status"
    return f"{phrase} (redirects are not followed)" if _FIRST_REDIRECT <= status_code < _FIRST_FAULT else phrase
