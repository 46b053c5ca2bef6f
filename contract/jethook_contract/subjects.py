"""NATS subjects, and the event types and patterns that they spell.

An event of type `com.example.made` lies at `jethook.events.<namespace>.com.example.made`: the type is split at its
dots, each segment is one NATS token. Printable ASCII stands for itself, but for `%`, `*`, `>`; these, the space and all
that is not ASCII are percent-encoded as UTF-8 with upper-case digits (RFC 3986, section 2.1). An empty segment (`a..b`)
is spelled `%00`, which no legal type can otherwise contain. The spelling is one to one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote

from jethook_contract.attributes import check_string, shown
from jethook_contract.errors import Invalid

MAX_TYPE_CHARACTERS = 512  # of the encoded type; a NATS control line takes 4,096 bytes, with reply subject and sizes
EVENTS_PREFIX = "jethook.events."
DIRECT_PREFIX = "jethook.direct."
DEADLETTERS_PREFIX = "jethook.deadletters."
ATTEMPTS_PREFIX = "jethook.attempts."

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "%*>.")
_EMPTY_SEGMENT = "%00"


def events_subject(namespace: str, event_type: str) -> str:
    """Name the subject of an event.

    Raises Invalid `BadEventType` for a type that CloudEvents forbids, `TypeTooLong` for one of more than
    `MAX_TYPE_CHARACTERS` once encoded, `BadName` for a namespace that is no DNS label.
    """
    return f"{EVENTS_PREFIX}{_label('namespace', namespace)}.{_encoded_type(event_type)}"


def event_type_of(subject: str) -> str:
    """Read the event type from the subject of an event; raises Invalid `BadSubject` unless `events_subject` made it."""
    namespace, _, encoded = subject.removeprefix(EVENTS_PREFIX).partition(".")
    try:
        event_type = ".".join(_decoded(segment) for segment in encoded.split("."))
        canonical = events_subject(namespace, event_type)
    except (Invalid, UnicodeDecodeError) as exc:
        raise _bad_subject(subject) from exc
    if canonical != subject:
        raise _bad_subject(subject)
    return event_type


def direct_subject(namespace: str, subscription: str) -> str:
    """Name the subject of what goes to one Subscription only: replays and redrives."""
    return f"{DIRECT_PREFIX}{_label('namespace', namespace)}.{_label('subscription', subscription)}"


def deadletters_subject(namespace: str, subscription: str) -> str:
    """Name the subject of the dead letters of one Subscription."""
    return f"{DEADLETTERS_PREFIX}{_label('namespace', namespace)}.{_label('subscription', subscription)}"


def attempts_subject(namespace: str) -> str:
    """Name the subject of the attempt records of one namespace."""
    return f"{ATTEMPTS_PREFIX}{_label('namespace', namespace)}"


def filter_subject(namespace: str, pattern: str) -> str:
    """Translate an entry of `eventTypes` to a NATS filter subject.

    `*` stands for one whole segment, a final `**` for one or more; everything else is literal. Raises Invalid
    `BadEventTypePattern` for either of them elsewhere, and what `events_subject` raises.
    """
    segments = pattern.split(".")
    tokens = [
        _token(segment, pattern=pattern, final=position == len(segments))
        for position, segment in enumerate(segments, 1)
    ]
    encoded = _bounded(".".join(tokens), event_type=pattern)
    return f"{EVENTS_PREFIX}{_label('namespace', namespace)}.{encoded}"


def filter_subjects(namespace: str, patterns: Iterable[str], subscription: str) -> tuple[str, ...]:
    """List the filter subjects of a Subscription's consumer, sorted: its event types and its direct subject.

    A filter that another one covers is left out, since NATS refuses both together (err_code 10138). Filters that
    overlap only in part (`a.*.c`, `a.b.*`) stay: the server accepts them and delivers what both match once.
    """
    filters = {filter_subject(namespace, pattern) for pattern in patterns}
    widest = {one for one in filters if not any(covers(other, one) for other in filters if other != one)}
    return tuple(sorted(widest | {direct_subject(namespace, subscription)}))


def covers(wide: str, narrow: str) -> bool:
    """Tell whether every subject that the filter `narrow` matches is matched by the filter `wide` too."""
    wanted, given = wide.split("."), narrow.split(".")
    for position, want in enumerate(wanted):
        if position == len(given):
            return False
        if want == ">":
            return True
        if given[position] == ">" or want not in ("*", given[position]):
            return False
    return len(wanted) == len(given)


def matches(filter_subject: str, subject: str) -> bool:
    """Tell whether a filter subject matches a published subject, in which `*` and `>` are literal."""
    wanted, tokens = filter_subject.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted = wanted[:-1]
        if len(tokens) <= len(wanted):
            return False
        tokens = tokens[: len(wanted)]
    return len(wanted) == len(tokens) and all(want in ("*", token) for want, token in zip(wanted, tokens, strict=True))


@lru_cache(maxsize=4096)
def _encoded_type(event_type: str) -> str:
    if not event_type:
        raise Invalid("BadEventType", "attribute type: it is empty; name what happened, as in com.example.order.made")
    _legal(event_type)
    return _bounded(".".join(_encoded(segment) for segment in event_type.split(".")), event_type=event_type)


def _token(segment: str, *, pattern: str, final: bool) -> str:
    if segment == "*":
        return "*"
    if segment == "**" and final:
        return ">"
    if "*" in segment:
        raise Invalid(
            "BadEventTypePattern",
            f"event type {shown(pattern)}: `*` stands for one whole segment and `**` for the last ones only; write"
            " `com.example.*.made` or `com.example.**`",
        )
    if not segment:
        raise Invalid("BadEventTypePattern", f"event type {shown(pattern)}: a segment is empty; remove the extra dot")
    _legal(segment)
    return _encoded(segment)


def _legal(event_type: str) -> None:
    try:
        check_string("type", event_type)
    except Invalid as exc:
        raise Invalid("BadEventType", exc.message) from exc


def _bounded(encoded: str, *, event_type: str) -> str:
    if len(encoded) > MAX_TYPE_CHARACTERS:
        raise Invalid(
            "TypeTooLong",
            f"attribute type: {shown(event_type)} takes {len(encoded)} characters as a NATS subject (what is not ASCII"
            f" takes up to 12 a character), at most {MAX_TYPE_CHARACTERS} are accepted; shorten it",
        )
    return encoded


def _encoded(segment: str) -> str:
    return quote(segment, safe=_SAFE) if segment else _EMPTY_SEGMENT


def _decoded(segment: str) -> str:
    return "" if segment == _EMPTY_SEGMENT else unquote(segment, errors="strict")


@lru_cache(maxsize=4096)
def _label(what: str, name: str) -> str:
    if _LABEL.fullmatch(name) is None:
        raise Invalid("BadName", f"{what} {shown(name)}: it is no DNS label (a-z, 0-9 and -, at most 63); rename it")
    return name


def _bad_subject(subject: str) -> Invalid:
    return Invalid(
        "BadSubject", f"subject {shown(subject)} spells no event type; publish to {EVENTS_PREFIX}<ns>.<type>"
    )
