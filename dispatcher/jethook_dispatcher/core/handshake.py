"""The CloudEvents handshake: ask a receiver whether it wants events from here, and how many.

`WebHook-Request-Callback` (consent given later, by a call to the sender) is not supported: it would need an address
on which receivers reach Jethook. Source: CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery", section 4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

HandshakeState = Literal["Allowed", "Refused", "Pending"]

ORIGIN = "jethook"  # how every installation names itself; what a receiver that checks it has to allow
ORIGIN_HEADER = "webhook-request-origin"
RATE_HEADER = "webhook-request-rate"
ALLOWED_ORIGIN_HEADER = "webhook-allowed-origin"
ALLOWED_RATE_HEADER = "webhook-allowed-rate"
FIRST_PAUSE_SECONDS = 5.0
MAX_PAUSE_SECONDS = 300.0
MAX_REQUESTS_PER_MINUTE = 1_000_000_000

_SECONDS_PER_MINUTE = 60
_RATE = re.compile(r"[0-9]{1,18}")
_FIRST_SERVER_FAULT = 500
_PASSING = frozenset({408, 425, 429})
_NO_OPTIONS = frozenset({405, 501})


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeResult:
    """What became of one handshake; field for field what status shows.

    `Allowed`: send, at no more than `requests_per_minute` (None: the receiver sets no bound). `Refused`: the receiver
    gave no consent, and asking again cannot help until something changes. `Pending`: it was not reached, or could not
    say; ask again after `pause_seconds`.
    """

    state: HandshakeState
    requests_per_minute: int | None = None
    message: str = ""
    at: datetime


def handshake_headers(*, origin: str, requests_per_second: int | None) -> tuple[tuple[str, str], ...]:
    """Give the headers of the OPTIONS request; `requests_per_second`: None asks for no particular rate."""
    if requests_per_second is None:
        return ((ORIGIN_HEADER, origin),)
    return ((ORIGIN_HEADER, origin), (RATE_HEADER, str(requests_per_second * _SECONDS_PER_MINUTE)))


def result_of_answer(status_code: int, *, headers: Mapping[str, str], origin: str, at: datetime) -> HandshakeResult:
    """Judge an answer by its headers, since a status is no consent (section 4.2); `headers` ignores case.

    Without consent, a status that says that the receiver is in trouble (408, 425, 429, 5xx but 501) leaves it Pending.
    A receiver that consents without a rate sets no bound.
    """
    consent = headers.get(ALLOWED_ORIGIN_HEADER, "").strip()
    if not consent:
        return _no_consent(status_code, at=at)
    if consent != "*" and consent.lower() != origin.lower():
        message = f"the receiver allows another origin in WebHook-Allowed-Origin than {origin}"
        return HandshakeResult(state="Refused", message=message, at=at)
    rate = headers.get(ALLOWED_RATE_HEADER, "*").strip()
    if rate == "*":
        return HandshakeResult(state="Allowed", message="allowed, without a rate", at=at)
    if not _RATE.fullmatch(rate) or int(rate) == 0:
        message = "WebHook-Allowed-Rate is neither * nor a whole number of requests a minute above 0"
        return HandshakeResult(state="Refused", message=message, at=at)
    allowed = min(int(rate), MAX_REQUESTS_PER_MINUTE)
    message = f"allowed, {allowed} requests a minute"
    return HandshakeResult(state="Allowed", requests_per_minute=allowed, message=message, at=at)


def pending(message: str, *, at: datetime) -> HandshakeResult:
    """Say that the receiver could not be asked."""
    return HandshakeResult(state="Pending", message=message, at=at)


def pause_seconds(failures: int) -> float:
    """Say when to ask again after `failures` (from 1) in a row that were Pending: 5 s, 10 s, 20 s ... 5 min."""
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 30), MAX_PAUSE_SECONDS)


def _no_consent(status_code: int, *, at: datetime) -> HandshakeResult:
    if status_code in _NO_OPTIONS:
        message = f"{status_code}: the receiver does not know the handshake (OPTIONS); set spec.handshake to None"
        return HandshakeResult(state="Refused", message=message, at=at)
    message = f"{status_code} without WebHook-Allowed-Origin"
    if status_code in _PASSING or status_code >= _FIRST_SERVER_FAULT:
        return pending(message, at=at)
    return HandshakeResult(state="Refused", message=f"{message}: the receiver gives no consent", at=at)
