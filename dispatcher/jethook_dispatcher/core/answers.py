"""What each answer, and each way to get none, means: the whole table as data (design section 6, Answers).

`docs/delivery.md` shows these tables, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

OutcomeKind = Literal["Delivered", "Retry", "Disable", "Abort"]
Health = Literal["Up", "Down", "Unclear"]

DELIVERY_HEADER = "webhook-delivery"
_MAX_DIRECTIVE_CHARACTERS = 128
_MAX_STATUS = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Say what the statuses from `first` to `last` mean.

    `kind`: what becomes of the event: `Delivered`; `Retry`; `Disable`, the endpoint gets nothing more, and the event
    waits. `health`: what it says of the receiver to its circuit: `Up`; `Down`; `Unclear`, perhaps this event alone is
    at fault, so it is a failure only where nothing succeeds. `throttles`: the rate is lowered. `fails_over`: another
    target is tried within the attempt, unless the answer holds `Retry-After`.
    """

    first: int
    last: int
    kind: OutcomeKind = "Retry"
    health: Health = "Down"
    throttles: bool = False
    fails_over: bool = False
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Say what an attempt without a complete answer means: it is always `Retry`.

    `unsent`: no byte of the request can have reached the receiver. The rest is as in `Answer`.
    """

    reason: str
    health: Health = "Down"
    fails_over: bool = False
    unsent: bool = False
    meaning: str


# The first line that holds the status counts.
ANSWERS: tuple[Answer, ...] = (
    Answer(first=200, last=299, kind="Delivered", health="Up", meaning="accepted"),
    Answer(first=300, last=399, meaning="a redirect, never followed"),
    Answer(first=401, last=401, meaning="the credentials are refused"),
    Answer(first=403, last=403, meaning="the sender is refused"),
    Answer(first=407, last=407, meaning="a proxy refuses the credentials"),
    Answer(first=408, last=408, meaning="the receiver did not wait for the request"),
    Answer(first=410, last=410, kind="Disable", health="Up", meaning="gone: the endpoint is disabled"),
    Answer(first=429, last=429, health="Unclear", throttles=True, meaning="too many requests"),
    Answer(first=400, last=499, health="Unclear", meaning="the receiver refuses this event, or all of them"),
    Answer(first=502, last=502, throttles=True, fails_over=True, meaning="a proxy gets no answer"),
    Answer(first=503, last=503, throttles=True, fails_over=True, meaning="overloaded or under maintenance"),
    Answer(first=504, last=504, throttles=True, fails_over=True, meaning="a proxy gets no answer in time"),
    Answer(first=500, last=599, meaning="the receiver failed"),
    Answer(first=0, last=_MAX_STATUS, meaning="not a final status of HTTP"),
)

FAULTS: tuple[Fault, ...] = (
    Fault(reason="Timeout", meaning="no complete answer within `timeoutSeconds`, name look-up and connecting included"),
    Fault(reason="TokenRequestFailed", unsent=True, meaning="no access token ([authentication](authentication.md))"),
    Fault(
        reason="NameNotResolved",
        fails_over=True,
        unsent=True,
        meaning="the name is unknown, or its servers did not answer within 5 s",
    ),
    Fault(
        reason="AddressDenied",
        fails_over=True,
        unsent=True,
        meaning="the pool does not deliver to that address ([security](security.md))",
    ),
    Fault(reason="ConnectFailed", fails_over=True, unsent=True, meaning="nobody listens"),
    Fault(
        reason="TLSFailed",
        fails_over=True,
        unsent=True,
        meaning="certificate not trusted, or no handshake (TLS 1.2 or newer)",
    ),
    Fault(
        reason="ConnectionClosed",
        fails_over=True,
        meaning="the receiver hung up before its answer was complete",
    ),
    Fault(reason="BadAnswer", meaning="no HTTP, or headers over 8 KiB a line or 100 in number"),
    Fault(reason="BadRequest", unsent=True, meaning="the URL cannot be used, e.g. a host written as a decimal number"),
    Fault(reason="Internal", health="Unclear", meaning="a fault of Jethook itself; the log has it"),
)

_UNKNOWN_FAULT = Fault(reason="", meaning="any other reason")


def _first_that_holds(status_code: int) -> Answer:
    return next(answer for answer in ANSWERS if answer.first <= status_code <= answer.last)


_BY_STATUS: tuple[Answer, ...] = tuple(_first_that_holds(status_code) for status_code in range(_MAX_STATUS + 1))
_BY_REASON: dict[str, Fault] = {fault.reason: fault for fault in FAULTS}


def answer_of(status_code: int) -> Answer:
    """Look up a status; one outside 0 to 999 means what the last line says."""
    return _BY_STATUS[status_code] if 0 <= status_code <= _MAX_STATUS else ANSWERS[-1]


def fault_of(reason: str) -> Fault:
    """Look up the reason of an attempt without a complete answer; an unknown one counts against the receiver."""
    return _BY_REASON.get(reason, _UNKNOWN_FAULT)


def directives(value: str | None) -> frozenset[str]:
    """Read the header `webhook-delivery` of an answer: `disable`, `abort-message`, or both with a comma between.

    What is unknown, or over 128 characters, is ignored. Source: the delivery control that receivers of Standard
    Webhooks know.
    """
    if not value or len(value) > _MAX_DIRECTIVE_CHARACTERS:
        return frozenset()
    return frozenset(word.strip().lower() for word in value.split(",")) & {"disable", "abort-message"}


def answers_table() -> str:
    """Write `ANSWERS` as a Markdown table."""
    head = ("status", "the event", "the circuit", "lowers the rate", "another target", "meaning")
    words = {"Delivered": "delivered", "Retry": "tried again", "Disable": "waits", "Abort": "dead-lettered"}
    return _table(
        head,
        (
            (_statuses(one), words[one.kind], one.health, _yes(one.throttles), _yes(one.fails_over), one.meaning)
            for one in ANSWERS
        ),
    )


def faults_table() -> str:
    """Write `FAULTS` as a Markdown table."""
    head = ("reason", "the circuit", "another target", "what happened")
    return _table(head, ((f"`{one.reason}`", one.health, _yes(one.fails_over), one.meaning) for one in FAULTS))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [_row(head), "|---" * len(head) + "|\n", *map(_row, rows)]
    return "".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|\n"


def _statuses(answer: Answer) -> str:
    if answer is ANSWERS[-1]:
        return "other"
    return str(answer.first) if answer.first == answer.last else f"{answer.first}-{answer.last}"


def _yes(value: bool) -> str:  # noqa: FBT001 -- one value, one word
    return "yes" if value else ""
