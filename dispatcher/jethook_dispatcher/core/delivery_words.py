"""What the condition `Delivering` says in each state: what is wrong, how much of it, and what helps.

A message moves only with what it is about: it holds no figure that changes by the clock alone, so an object at which
nothing happens is not written again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from jethook_contract.status import DeliveryState
from jethook_dispatcher.core.answers import FAULTS
from jethook_dispatcher.core.outcome import ANSWERED
from jethook_dispatcher.core.situation import Situation

ConditionStatus = Literal["True", "False", "Unknown"]

_MINUTE = 60
_HOUR = 3600
_OF_ATTEMPTS = frozenset({ANSWERED, *(fault.reason for fault in FAULTS)})


@dataclass(frozen=True, slots=True)
class DeliveringVerdict:
    """What the condition says."""

    status: ConditionStatus
    reason: str
    message: str


def verdict_on(situation: Situation, *, state: DeliveryState) -> DeliveringVerdict:
    """Put a state in words."""
    return _WORDS[state](situation)


def _suspended(situation: Situation) -> DeliveringVerdict:
    where = "every Subscription" if situation.kind == "WebhookEndpoint" else "the endpoint"
    waiting = _count(situation.backlog.events, "event waits", "events wait")
    return DeliveringVerdict("False", "Suspended", f"suspended (spec.suspend here or of {where}); {waiting}")


def _pending(situation: Situation) -> DeliveringVerdict:
    if situation.fault is not None:
        return DeliveringVerdict("False", situation.fault.reason, situation.fault.message)
    standing = situation.standing
    if standing is not None and standing.report.limited_by == "Handshake":
        shake = standing.handshake
        if shake is None:
            return DeliveringVerdict("Unknown", "HandshakePending", "the receiver has not been asked for consent yet")
        return DeliveringVerdict("False", f"Handshake{shake.state}", shake.message)
    part = next(iter(situation.parts), None)
    if part is None or not part.reason:
        return DeliveringVerdict("Unknown", "Pending", "the operator has not completed the plan yet")
    return DeliveringVerdict("Unknown", part.reason, part.message)


def _disabled(situation: Situation) -> DeliveringVerdict:
    standing = situation.standing
    disabled = standing.report.disabled if standing else None
    why = f"{disabled.message}; " if disabled else ""
    namespace, name = _endpoint(situation)
    cure = "to resume, change the endpoint's spec, or give its annotation jethook.io/resume another value"
    if any(part.endpoint.uid for part in situation.parts):  # objects from files have none, and know no kubectl
        cure = f"{cure}: kubectl -n {namespace} annotate whe {name} --overwrite jethook.io/resume=again"
    return DeliveringVerdict("False", "Disabled", f"{why}{cure}")


def _circuit_open(situation: Situation) -> DeliveringVerdict:
    standing = situation.standing
    probe = "the next attempt is a probe"
    if standing is not None and standing.report.circuit == "Open" and standing.next_probe_at is not None:
        probe = f"next probe {standing.next_probe_at:%H:%M:%SZ}{_growth(situation)}"
    return DeliveringVerdict("False", "CircuitOpen", f"{_error(situation)}; {probe}")


def _key_blocked(situation: Situation) -> DeliveringVerdict:
    keys = _count(situation.parked.count, "key", "keys")
    message = f"all places are taken: {keys} in hand cannot go on before their first event is delivered, given up or "
    return DeliveringVerdict("False", "KeyBlocked", f"{message}skipped (`jethook skip`)")


def _retry_backlog_full(situation: Situation) -> DeliveringVerdict:
    waiting = f"{situation.backlog.unacknowledged} events are in back-off or in flight, so new ones wait"
    return DeliveringVerdict("False", "RetryBacklogFull", f"{waiting}; {_error(situation)}")


def _dead_letters_full(situation: Situation) -> DeliveringVerdict:
    namespace, _ = _endpoint(situation)
    message = (
        "the dead letters have no room, so events that failed for good wait; look, then redrive or delete some: "
        f"jethook dead-letters list -n {namespace}"
    )
    return DeliveringVerdict("False", "DeadLettersFull", message)


def _failing(situation: Situation) -> DeliveringVerdict:
    error = situation.counters.last_error
    message = f"{_error(situation)}; nothing has succeeded {_since(situation)}"
    return DeliveringVerdict("False", error.reason if error else "Failing", message)


def _throttled(situation: Situation) -> DeliveringVerdict:
    standing = situation.standing
    if standing is not None and standing.report.limited_by == "RetryAfter":
        slowed = "the receiver asked for a pause (Retry-After)"
    else:
        slowed = "the rate was lowered, and comes back by itself"
    return DeliveringVerdict("True", "Throttled", f"{_error(situation)}; {slowed}")


def _nearly_full(situation: Situation) -> DeliveringVerdict:
    waiting = _count(situation.backlog.events, "event waits", "events wait")
    message = (
        f"the namespace's events stream is four fifths full and {waiting} here; when it is full, publishers are refused"
    )
    return DeliveringVerdict("True", "NearlyFull", f"{message} (spec.backlog bounds what may wait)")


def _degraded(situation: Situation) -> DeliveringVerdict:
    found = []
    if situation.attempts_fail:
        found.append(f"{_share(situation)}; {_error(situation)}")
    if situation.open_targets:
        report = situation.standing.report if situation.standing else None
        targets = report.targets if report else 0
        found.append(f"{situation.open_targets} of {targets} targets left out, since their circuit is open")
    letters = situation.dead_letters_lately
    if letters:
        namespace, _ = _endpoint(situation)
        lately = _count(letters, "event was given up", "events were given up")
        found.append(f"{lately} in the last 5 minutes (jethook dead-letters list -n {namespace})")
    return DeliveringVerdict("True", "Degraded", "; ".join(found))


def _idle(situation: Situation) -> DeliveringVerdict:  # noqa: ARG001 -- as the others
    return DeliveringVerdict("Unknown", "Idle", "nothing was sent yet")


def _healthy(situation: Situation) -> DeliveringVerdict:
    return DeliveringVerdict("True", "Delivering", f"delivering to {_receiver(situation, several='{} targets')}")


_WORDS: Mapping[DeliveryState, Callable[[Situation], DeliveringVerdict]] = {
    "Suspended": _suspended,
    "Pending": _pending,
    "Disabled": _disabled,
    "CircuitOpen": _circuit_open,
    "KeyBlocked": _key_blocked,
    "RetryBacklogFull": _retry_backlog_full,
    "DeadLettersFull": _dead_letters_full,
    "Failing": _failing,
    "Throttled": _throttled,
    "NearlyFull": _nearly_full,
    "Degraded": _degraded,
    "Idle": _idle,
    "Healthy": _healthy,
}


def _share(situation: Situation) -> str:
    percent, attempts = situation.counters.success_percent(), situation.counters.recent.attempts
    if attempts:
        return f"{percent} % of {attempts} attempts in 5 minutes succeeded"
    return "the former owner saw failures"


def _since(situation: Situation) -> str:
    last = situation.counters.last_delivery_time
    return "yet" if last is None else f"since {last:%Y-%m-%d %H:%M:%SZ}"


def _growth(situation: Situation) -> str:
    longest = next((part.target.breaker.max_open_seconds for part in situation.parts if part.target), None)
    standing = situation.standing
    if longest is None or standing is None:
        return ""
    if standing.report.pause_seconds >= longest:
        return f", then every {_duration(longest)}"
    return f", pauses grow to {_duration(longest)}"


def _error(situation: Situation) -> str:
    """Say what went wrong, such as `503 from crm.example.com (14 failures within a minute)`.

    The minute ends with the last attempt.
    """
    error = situation.counters.last_error
    if error is None:
        return "no attempt has failed yet"
    if error.status_code:
        what = f"{error.status_code} from {_receiver(situation)}"
    elif error.reason in _OF_ATTEMPTS:
        what = f"{_receiver(situation)}: {error.message or error.reason}"
    else:
        what = f"{error.reason}: {error.message}"
    failures = situation.counters.recent.failures(seconds=_MINUTE)
    return f"{what} ({failures} failures within a minute)" if failures > 1 else what


def _receiver(situation: Situation, *, several: str = "one of {} targets") -> str:
    """Name the host; of several targets nobody knows which one an error came from."""
    urls = next((part.target.urls for part in situation.parts if part.target is not None), ())
    hosts = {urlsplit(one.url).hostname for one in urls}
    if len(hosts) > 1:
        return several.format(len(urls))
    return next(iter(hosts), None) or "the endpoint"


def _endpoint(situation: Situation) -> tuple[str, str]:
    part = next(iter(situation.parts), None)
    return (part.namespace, part.endpoint.name) if part else ("NAMESPACE", "NAME")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _duration(seconds: int) -> str:
    for size, unit in ((_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
