"""Remember how the deliveries of each object went when last seen, and record an Event when that turns.

One entry an object that exists. The first sight of an object records nothing: what happened while nobody looked is in
its status. Nothing here asks for a reconcile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jethook_operator.core.delivery_events import (
    OBSERVED_KINDS,
    DeliveryLook,
    Known,
    at_first_sight,
    look_at,
    turned,
)
from jethook_operator.core.resources import Key
from jethook_operator.shell.surroundings import EventRecorder


class _Seen(NamedTuple):
    uid: str
    at: tuple[str, str, str]
    known: Known


class DeliveryWatch:
    """Look at each status as it comes, without waiting.

    `tells`: whether turns are told now; a process that stands by remembers them and says nothing.
    """

    def __init__(self, events: EventRecorder, *, tells: Callable[[], bool] = lambda: True) -> None:
        self._events = events
        self._tells = tells
        self._seen: dict[Key, _Seen] = {}

    def __len__(self) -> int:
        """Count the objects that are remembered."""
        return len(self._seen)

    def __contains__(self, key: object) -> bool:
        """Tell whether an object is remembered."""
        return key in self._seen

    def seen(self, key: Key, *, uid: str, status: Mapping[str, Any]) -> None:
        """Take an object's status; a namesake with another UID is seen for the first time."""
        if key.kind not in OBSERVED_KINDS:
            return
        look = look_at(status)
        before = self._seen.get(key)
        if before is None or before.uid != uid:
            self._seen[key] = _Seen(uid, _place(look), at_first_sight(look, kind=key.kind))
            return
        place = _place(look)
        if look is None or place == before.at:
            return
        known, notes = turned(before.known, look, kind=key.kind)
        self._seen[key] = _Seen(uid, place, known)
        for note in notes if self._tells() else ():
            self._events.record(key, uid=uid, severity=note.severity, reason=note.reason, message=note.message)

    def forget(self, key: Key) -> None:
        """Let go of an object that is gone."""
        self._seen.pop(key, None)


def _place(look: DeliveryLook | None) -> tuple[str, str, str]:
    return ("", "", "") if look is None else (look.state, look.status, look.reason)
