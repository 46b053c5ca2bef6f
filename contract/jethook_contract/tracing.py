"""The trace that an event belongs to, as its producer tells it: `traceparent` and `tracestate`.

Sources: W3C Trace Context (levels 1 and 2), "Trace Context HTTP Request Headers Format"; CloudEvents 1.0.2, extension
Distributed Tracing. What is not valid there counts as absent and is never an error: a trace is no part of the event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
MAX_TRACESTATE_CHARACTERS = 512
MAX_TRACESTATE_MEMBERS = 32

_MAX_TRACEPARENT_CHARACTERS = 256  # version 00 has 55; a later one may have more
_SAMPLED = 1
_FORM = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<parent>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
    re.DOTALL,
)
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]")
_BLANKS = " \t"


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Name the span that a request follows from.

    `traceparent`: valid, of version 00. `tracestate`: as it came; empty for none, and for one that is not valid.
    """

    traceparent: str
    tracestate: str = ""

    @property
    def trace_id(self) -> str:
        """Give the id of the trace: 32 hexadecimal digits."""
        return self.traceparent[3:35]

    @property
    def parent_id(self) -> str:
        """Give the id of the span: 16 hexadecimal digits."""
        return self.traceparent[36:52]

    @property
    def flags(self) -> int:
        """Give the flags, 0 to 255: 1 is sampled, 2 says that the trace id is random."""
        return int(self.traceparent[53:], 16)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Give the headers that pass it on, unchanged."""
        parent = (TRACEPARENT, self.traceparent)
        return (parent, (TRACESTATE, self.tracestate)) if self.tracestate else (parent,)


def parse_trace(traceparent: object, tracestate: object = "") -> TraceContext | None:
    """Read a pair of values; None when `traceparent` is not valid, and then `tracestate` is not looked at.

    A version above 00 is read as far as version 00 goes and becomes one, with no flag but sampled.
    """
    if not isinstance(traceparent, str) or len(traceparent) > _MAX_TRACEPARENT_CHARACTERS:
        return None
    text = traceparent.strip(_BLANKS)
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    if found["version"] == "00":
        return None if found["more"] is not None else TraceContext(text, _valid_state(tracestate))
    flags = int(found["flags"], 16) & _SAMPLED
    return TraceContext(f"00-{found['trace']}-{found['parent']}-{flags:02x}", _valid_state(tracestate))


def trace_of(extensions: Mapping[str, object], headers: Mapping[str, str] | None) -> TraceContext | None:
    """Find the trace of an event: in its extension attributes, else in the headers of its message; None for none.

    Names of headers count in any case: some clients write `Traceparent`.
    """
    if TRACEPARENT in extensions:
        found = parse_trace(extensions[TRACEPARENT], extensions.get(TRACESTATE))
        if found is not None:
            return found
    if headers:
        for name in headers:
            # The length first, since nearly no message has such a header, and every one of them comes by here.
            if len(name) == len(TRACEPARENT) and name.lower() == TRACEPARENT:
                return parse_trace(headers[name], _header(headers, TRACESTATE))
    return None


def _header(headers: Mapping[str, str], wanted: str) -> str:
    return next((value for name, value in headers.items() if name.lower() == wanted), "")


def _valid_state(given: object) -> str:
    """Give `tracestate` as it came, or nothing; members may be empty, and blanks around them are allowed."""
    value = given.strip(_BLANKS) if isinstance(given, str) else ""
    if not value or len(value) > MAX_TRACESTATE_CHARACTERS:
        return ""
    members = [member.strip(_BLANKS) for member in value.split(",")]
    named = [member for member in members if member]
    if not named or len(members) > MAX_TRACESTATE_MEMBERS:
        return ""
    return value if all(map(_MEMBER.fullmatch, named)) else ""
