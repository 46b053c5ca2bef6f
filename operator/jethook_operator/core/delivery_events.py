"""Which Events tell of a turn in how deliveries go: from what was known of an object, and what its status shows now.

What is wrong with the receiver is told on the endpoint, what is wrong with the events that wait on the Subscription.
The texts hold no moment and mostly no figure, so that what repeats is one Event that counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from jethook_contract.status import DeliveryState
from jethook_operator.core.conditions import MAX_MESSAGE_CHARACTERS, EventNote
from jethook_operator.core.resources import Kind

_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)
_RANKS: Mapping[DeliveryState, int] = {state: rank for rank, state in enumerate(_STATES)}
_ENDPOINT = frozenset[Kind]({"WebhookEndpoint"})
_SUBSCRIPTION = frozenset[Kind]({"Subscription"})
_BOTH = _ENDPOINT | _SUBSCRIPTION

OBSERVED_KINDS = _BOTH
"""The kinds that have a `status.delivery`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleEvents:
    """The Events that tell of one state's beginning and end, and on which kinds.

    `text` None takes what the condition says. `error`: the last error is named before it.
    """

    kinds: frozenset[Kind]
    began: str
    ended: str
    text: str | None
    ended_text: str
    severity: Literal["Normal", "Warning"] = "Warning"
    error: bool = False


TROUBLES: Mapping[DeliveryState, TroubleEvents] = {
    # Of Pending only what the dispatcher found is told; its reason is the condition's.
    "Pending": TroubleEvents(
        kinds=_BOTH,
        began="",
        ended="Recovered",
        text=None,
        ended_text="what kept deliveries back is settled",
    ),
    "Disabled": TroubleEvents(
        kinds=_ENDPOINT,
        began="Disabled",
        ended="Resumed",
        text=None,
        ended_text="deliveries are resumed",
    ),
    "CircuitOpen": TroubleEvents(
        kinds=_ENDPOINT,
        began="CircuitOpened",
        ended="CircuitClosed",
        text="too many attempts failed, so deliveries pause and single probes follow",
        ended_text="a probe succeeded: deliveries go on",
        error=True,
    ),
    "KeyBlocked": TroubleEvents(
        kinds=_SUBSCRIPTION,
        began="KeyBlocked",
        ended="Recovered",
        text="all places are taken by keys that wait for another attempt (status.delivery.parkedKeys)",
        ended_text="keys go on: there are free places again",
    ),
    "RetryBacklogFull": TroubleEvents(
        kinds=_SUBSCRIPTION,
        began="RetryBacklogFull",
        ended="Recovered",
        text="as many events are in back-off as may be: new ones wait",
        ended_text="new events are tried again: there is room for retries",
        error=True,
    ),
    "DeadLettersFull": TroubleEvents(
        kinds=_SUBSCRIPTION,
        began="DeadLettersFull",
        ended="Recovered",
        text="the dead letters have no room: events that failed for good wait; redrive or delete some",
        ended_text="the dead letters have room again",
    ),
    "Failing": TroubleEvents(
        kinds=_BOTH,
        began="Failing",
        ended="Recovered",
        text="nothing but failures lately",
        ended_text="deliveries succeed again",
        error=True,
    ),
    "Throttled": TroubleEvents(
        kinds=_ENDPOINT,
        began="Throttled",
        ended="Recovered",
        text="the receiver asks for less and gets less",
        ended_text="the receiver is given as much as before",
        severity="Normal",
        error=True,
    ),
    "NearlyFull": TroubleEvents(
        kinds=_SUBSCRIPTION,
        began="NearlyFull",
        ended="Recovered",
        text="the namespace's events stream is four fifths full, much of it waits here; full, it refuses publishers",
        ended_text="the namespace's events stream has room again",
    ),
    "Degraded": TroubleEvents(
        kinds=_BOTH,
        began="Degraded",
        ended="Recovered",
        text=None,
        ended_text="all goes well again",
    ),
}
"""In order of precedence, as the states are."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One that was told, or was there at the first sight; `reason` tells the kinds of Pending apart."""

    state: DeliveryState
    reason: str = ""


Known = frozenset[Trouble]
NOTHING: Known = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLook:
    """What a status shows of deliveries: state, condition `Delivering`, and the last error in words."""

    state: DeliveryState
    status: str = ""
    reason: str = ""
    message: str = ""
    error: str = ""


def look_at(status: Mapping[str, Any]) -> DeliveryLook | None:
    """Read a resource's status; None where no dispatcher has reported, or says what this version does not know."""
    delivery: Mapping[str, Any] = status.get("delivery") or {}
    state = next((known for known in _STATES if known == delivery.get("state")), None)
    if state is None:
        return None
    conditions: Sequence[Mapping[str, Any]] = status.get("conditions") or ()
    condition = next((one for one in conditions if one.get("type") == "Delivering"), {})
    return DeliveryLook(
        state=state,
        status=condition.get("status", ""),
        reason=condition.get("reason", ""),
        message=condition.get("message", ""),
        error=_error(delivery.get("lastError") or {}),
    )


def at_first_sight(look: DeliveryLook | None, *, kind: Kind) -> Known:
    """Give what is known after the first look at an object: what is wrong is taken as told."""
    trouble = None if look is None else _trouble(look, kind=kind)
    return NOTHING if trouble is None else frozenset({trouble})


def turned(known: Known, look: DeliveryLook, *, kind: Kind) -> tuple[Known, tuple[EventNote, ...]]:
    """Give what is known from now on, and the Events to record: of what is over the gravest, then what is new.

    Over is what would be shown in place of the present state; what that state may hide goes on being known.
    """
    rank = _RANKS[look.state]
    trouble = _trouble(look, kind=kind)
    over = sorted((one for one in known if _RANKS[one.state] < rank), key=lambda one: _RANKS[one.state])
    hidden = frozenset(one for one in known if _RANKS[one.state] > rank)
    same = frozenset(one for one in known if _RANKS[one.state] == rank)
    notes = [_ended(over[0])] if over else []
    if trouble is None:
        return hidden | same, tuple(notes)
    if trouble not in same:
        notes.append(_began(trouble, look))
    return hidden | {trouble}, tuple(notes)


def _trouble(look: DeliveryLook, *, kind: Kind) -> Trouble | None:
    events = TROUBLES.get(look.state)
    if events is None or kind not in events.kinds:
        return None
    if look.state != "Pending":
        return Trouble(look.state)
    # Unknown is what the operator itself has told, or the moment before the first answer.
    return Trouble("Pending", look.reason) if look.status == "False" and look.reason else None


def _began(trouble: Trouble, look: DeliveryLook) -> EventNote:
    events = TROUBLES[trouble.state]
    text = events.text or look.message or trouble.state
    if events.error and look.error:
        text = f"{look.error}; {text}"
    reason = events.began or trouble.reason
    return EventNote(severity=events.severity, reason=reason, message=text[:MAX_MESSAGE_CHARACTERS])


def _ended(trouble: Trouble) -> EventNote:
    events = TROUBLES[trouble.state]
    return EventNote(severity="Normal", reason=events.ended, message=events.ended_text)


def _error(error: Mapping[str, Any]) -> str:
    words = [str(error["statusCode"])] if error.get("statusCode") else []
    words += [str(error[name]) for name in ("message", "reason") if error.get(name)][:1]
    return " ".join(words)
