"""Decide how the streams of a namespace that is gone make room for those of its namesake.

NATS cannot rename a stream, and its name and subjects are the namespace's. So the server copies what it holds into a
stream of its own, `JETHOOK_RETIRED_<namespace>_<uid>`, and the old streams go. Each step can be found again from what
is there, whenever the process ends: nothing is remembered. See docs/adr/0007-retired-streams.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Step = Literal["Close", "Copy", "Wait", "Detach", "Delete", "Done"]
"""What to do next.

`Close`: give the old streams subjects to which nobody publishes. `Copy`: make the copy, with the old streams as its
sources. `Wait`: the server copies. `Detach`: take the sources away, before streams of the same names are there again.
`Delete`: the old streams. `Done`: none is left.
"""

_BYTES_A_COPIED_MESSAGE = 256  # the header that names a message's origin: about 100, measured
_SPARE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OldStream:
    """A stream of the namespace that is gone; `closed`: nobody can publish to it any more."""

    name: str
    closed: bool
    messages: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """How far the copy of one stream is; `lag` counts messages, and means nothing before the source is `active`."""

    name: str
    lag: int
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The stream that keeps the old events."""

    messages: int
    sources: tuple[Source, ...]


def decide_retirement(old: tuple[OldStream, ...], *, copy: Copy | None) -> Step:
    """Say what to do next; look at the old streams before the copy, so that the copy is never behind what was seen."""
    if not old:
        return "Done"
    if not all(one.closed for one in old):
        return "Close"
    if copy is None:
        return "Copy" if any(one.messages for one in old) else "Delete"
    if not copy.sources:
        return "Delete"
    return "Detach" if _complete(old, copy=copy) else "Wait"


def room_for(old: tuple[OldStream, ...]) -> int:
    """Give the bytes that the copy reserves."""
    return sum(one.bytes + one.messages * _BYTES_A_COPIED_MESSAGE for one in old) + _SPARE_BYTES


def _complete(old: tuple[OldStream, ...], *, copy: Copy) -> bool:
    """Tell whether all is copied: by the sources' own word, and by the count, which an idle source cannot fake."""
    behind = [one for one in copy.sources if one.lag or not one.active]
    return not behind and copy.messages >= sum(one.messages for one in old)
