"""What a gate answers: leave to make an attempt, a wait, a report."""

from __future__ import annotations

from dataclasses import dataclass, field

from jethook_contract.status import LimitedBy
from jethook_dispatcher.core.breaker import State
from jethook_dispatcher.core.targets import TargetState


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one attempt; it goes back to the gate once, by `leave`.

    `target`: index into `Target.urls` of the version at which it was given. `probe`: the one probe of a half-open
    circuit. The other two are the gate's own.
    """

    target: int
    probe: bool
    holder: TargetState = field(repr=False, compare=False)
    taken_at: float = field(default=float("-inf"), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """No attempt may start now.

    `until`: monotonic seconds at which to ask again, None for never by itself. The end of an attempt and a change of
    settings are always reasons to ask again.
    """

    until: float | None
    limited_by: LimitedBy


@dataclass(frozen=True, slots=True)
class Disabled:
    """Why the endpoint gets nothing: `reason` CamelCase, `message` for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """How it stands, for the status.

    `limited_by`: what keeps deliveries back, None when nothing does. `circuit`: of the endpoint, `Open` only when no
    target may be tried. `open_targets`: those whose circuit is not closed. `next_probe_in_seconds`: of the soonest
    target, None while none is open. `pause_seconds`: its present pause, or the next one. `allowed_requests_per_second`:
    rounded down, at least 1; None unless throttling or slow start hold the rate below the spec.
    """

    limited_by: LimitedBy | None
    circuit: State
    open_targets: int
    targets: int
    next_probe_in_seconds: float | None
    pause_seconds: int
    allowed_requests_per_second: int | None
    disabled: Disabled | None
