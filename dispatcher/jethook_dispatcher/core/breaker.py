"""The circuit breaker of one target: a state machine as tables, and the numbers that feed it (design section 6).

`docs/circuit-breaker.md` shows the diagram that `diagram` draws from the tables.
"""

from __future__ import annotations

from typing import Literal, get_args

from jethook_contract.errors import Bug
from jethook_contract.target import BreakerPolicy
from jethook_dispatcher.core.answers import Health
from jethook_dispatcher.core.breaker_window import BreakerWindow
from jethook_dispatcher.core.slow_start import SlowStart

State = Literal["Closed", "Open", "HalfOpen"]
Event = Literal["Tripped", "TakenOver", "PauseOver", "ProbeSucceeded", "ProbeFailed", "ProbeUnclear", "ProbeUnsent"]

# A pair that is not here cannot happen: attempts from before the circuit opened say nothing to it any more.
TRANSITIONS: dict[State, dict[Event, State]] = {
    "Closed": {"Tripped": "Open", "TakenOver": "Open"},
    "Open": {"PauseOver": "HalfOpen", "TakenOver": "Open"},
    "HalfOpen": {
        "ProbeSucceeded": "Closed",
        "ProbeFailed": "Open",
        "ProbeUnclear": "HalfOpen",
        "ProbeUnsent": "HalfOpen",
    },
}

EVENTS: dict[Event, str] = {
    "Tripped": (
        "failurePercent of at least minRequests failed within windowSeconds, "
        "or minRequests in a row over a tenth of windowSeconds"
    ),
    "TakenOver": "the former owner left it open",
    "PauseOver": "the pause is over",
    "ProbeSucceeded": "the probe succeeded; slow start begins",
    "ProbeFailed": "the probe failed; the pause doubles, up to maxOpenSeconds",
    "ProbeUnclear": "the first probe was refused for what may be its event; another event is tried",
    "ProbeUnsent": "the probe was not sent",
}

PROBES = 2
_PROBE_EVENTS: dict[Health, Event] = {"Up": "ProbeSucceeded", "Down": "ProbeFailed", "Unclear": "ProbeUnclear"}


class Breaker:
    """Tell whether a target may be tried; all times are monotonic seconds that never go back.

    `until`: the end of the pause, while open. `pause_seconds`: the present pause, the last one while half-open, the
    next one while closed. `probing`: the one probe is under way.
    """

    __slots__ = ("_policy", "_unclear_probes", "_window", "pause_seconds", "probing", "slow_start", "state", "until")

    def __init__(self, policy: BreakerPolicy, *, now: float) -> None:
        self._policy = policy
        self._window = BreakerWindow(seconds=policy.window_seconds, now=now)
        self._unclear_probes = 0
        self.state: State = "Closed"
        self.until = 0.0
        self.pause_seconds = self._first_pause()
        self.probing = False
        self.slow_start: SlowStart | None = None

    def update(self, policy: BreakerPolicy, *, now: float) -> None:
        """Go by another policy; the state stays, a pause ends no later than the new longest one."""
        if policy == self._policy:
            return
        if policy.window_seconds != self._policy.window_seconds:
            self._window = BreakerWindow(seconds=policy.window_seconds, now=now)
        self._policy = policy
        self.until = min(self.until, now + policy.max_open_seconds)
        bound = (policy.max_open_seconds, self.pause_seconds)
        self.pause_seconds = self._first_pause() if self.state == "Closed" else min(bound)
        if self.slow_start is not None:
            self.slow_start = SlowStart(self.slow_start.began_at, policy.slow_start_seconds)

    def advance(self, *, now: float) -> State:
        """Let time pass: an open circuit whose pause is over becomes half-open. Gives the state."""
        if self.state == "Open" and now >= self.until:
            self._on("PauseOver")
        return self.state

    def share(self, *, now: float) -> float:
        """Give the share of the load that slow start allows, 1 when it is over."""
        if self.slow_start is None:
            return 1.0
        share = self.slow_start.share(now=now)
        if share >= 1.0:
            self.slow_start = None
            self.pause_seconds = self._first_pause()
        return share

    def ended(self, health: Health, *, began_at: float, now: float) -> None:
        """Take in how an ordinary attempt, begun at `began_at`, ended now; only a closed circuit counts it."""
        if self.state != "Closed":
            return
        window, least = self._window, self._policy.min_requests
        window.add(health, began_at=began_at, now=now)
        if health == "Up":
            return
        # The row beside the share: docs/adr/0004-failures-in-a-row.md.
        if window.reached(percent=self._policy.failure_percent, min_attempts=least) or (
            window.fails_in_a_row(min_attempts=least, now=now)
        ):
            self._trip(now=now)

    def probe_ended(self, health: Health | None, *, now: float) -> None:
        """Take in how the probe ended; None: it was not sent."""
        self.probing = False
        event: Event = "ProbeUnsent" if health is None else _PROBE_EVENTS[health]
        if event == "ProbeUnclear":
            self._unclear_probes += 1
            # One refused event may be a bad one; two say that the receiver refuses.
            event = "ProbeFailed" if self._unclear_probes >= PROBES else event
        self._on(event)
        if event == "ProbeFailed":
            self._pause(self._doubled(), now=now)
        elif event == "ProbeSucceeded":
            self._close(now=now)

    def take_over(self, *, open_seconds: float, pause_seconds: int, now: float) -> None:
        """Begin open, as the former owner left it; both numbers are held to the policy's longest pause."""
        if self.state == "HalfOpen":
            return
        self._on("TakenOver")
        longest = self._policy.max_open_seconds
        self.pause_seconds = max(self._first_pause(), min(pause_seconds, longest))
        self.until = now + max(0.0, min(open_seconds, longest))

    def _trip(self, *, now: float) -> None:
        # A receiver that fails under the growing load after a probe was not well yet: the pauses go on growing.
        weak = self.slow_start is not None and self.share(now=now) < 1.0
        self._on("Tripped")
        self._pause(self._doubled() if weak else self._first_pause(), now=now)

    def _pause(self, seconds: int, *, now: float) -> None:
        self.slow_start = None
        self._unclear_probes = 0
        self.pause_seconds = seconds
        self.until = now + seconds

    def _close(self, *, now: float) -> None:
        self._unclear_probes = 0
        self._window.clear(now=now)
        self.slow_start = SlowStart(now, self._policy.slow_start_seconds)
        self.share(now=now)

    def _first_pause(self) -> int:
        return min(self._policy.open_seconds, self._policy.max_open_seconds)

    def _doubled(self) -> int:
        return min(self.pause_seconds * 2, self._policy.max_open_seconds)

    def _on(self, event: Event) -> None:
        state = TRANSITIONS[self.state].get(event)
        if state is None:
            raise Bug("NoTransition", f"a circuit that is {self.state} cannot take in {event}; please report this")
        self.state = state


def diagram() -> str:
    """Draw the tables as a Mermaid state diagram."""
    arrows = [
        f"    {state} --> {follower}: {event}" for state, row in TRANSITIONS.items() for event, follower in row.items()
    ]
    return "\n".join(["stateDiagram-v2", "    [*] --> Closed", *arrows, ""])


def events_table() -> str:
    """Write what the events mean, and where they lead, as a Markdown table."""
    states: tuple[State, ...] = get_args(State)
    head = [f"| event | {' | '.join(states)} | when |", "|---" * (len(states) + 2) + "|"]
    rows = [
        f"| {event} | {' | '.join(TRANSITIONS[state].get(event, '-') for state in states)} | {meaning} |"
        for event, meaning in EVENTS.items()
    ]
    return "\n".join([*head, *rows, ""])
