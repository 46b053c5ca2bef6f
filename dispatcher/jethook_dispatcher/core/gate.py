"""The gate of one endpoint: whether an attempt may start now, at which target, and what its outcome changes.

It puts together the rate (`allowance.py`), the places in flight, the circuit of each target (`breaker.py`), slow start,
`Retry-After` and the receiver's own wish to be left alone. All times are monotonic seconds that never go back.
"""

from __future__ import annotations

from collections.abc import Iterable

from jethook_contract.status import LimitedBy
from jethook_contract.target import Target
from jethook_dispatcher.core.allowance import Allowance
from jethook_dispatcher.core.answers import answer_of
from jethook_dispatcher.core.breaker import State
from jethook_dispatcher.core.gate_values import Disabled, GateReport, Permit, Wait
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.targets import (
    CircuitMemory,
    TargetState,
    circuits_left,
    least_outstanding,
    next_states,
    take_circuits,
)

__all__ = ["Disabled", "Gate", "GateReport", "Permit", "Wait"]

AHEAD_SECONDS = 2.0
_MIN_WAIT_SECONDS = 0.001
# A share that is a rounding error below a whole place is that place.
_SLACK = 1e-6


class Gate:
    """Keep the account of one endpoint. Not for use by several threads."""

    __slots__ = (
        "_allowance", "_disabled", "_held_back_by", "_in_flight", "_max_in_flight", "_max_pause_seconds",
        "_paused_until", "_permits", "_refused", "_states", "_turn",
    )  # fmt: skip

    def __init__(self, target: Target, *, now: float) -> None:
        self._allowance = Allowance(target.limits, now=now)
        self._disabled: Disabled | None = None
        self._refused = False
        self._held_back_by: LimitedBy | None = None
        self._in_flight = 0
        self._paused_until = float("-inf")
        self._turn = 0
        self._states: list[TargetState] = []
        self._take_over(target, now=now)

    def update(self, target: Target, *, now: float) -> None:
        """Go by another version of the spec.

        The circuits of URLs that stay keep their state, attempts under way their places; the bucket gains nothing.
        """
        self._allowance.update(target.limits, now=now)
        self._take_over(target, now=now)

    def enter(self, *, now: float) -> Permit | Wait:
        """Ask for leave to make an attempt; it takes a token, a place in flight, and the probe's place if it is one."""
        found = self._shut(now) or self._choose(now)
        if isinstance(found, TargetState):
            wait = self._take_token(now)
            if wait is None:
                self._held_back_by = None
                self._in_flight += 1
                return self._permit(found, now=now)
            found = wait
        self._held_back_by = found.limited_by
        return found

    def fail_over(self, permit: Permit, *, outcome: Outcome, tried: frozenset[int], now: float) -> Permit | None:
        """Give another closed target for an attempt that failed in a way that another target may do better.

        The failure is then counted where it happened, and the attempt goes on under the new permit. None: there is no
        such target, no token for another request, or no reason; nothing is counted, and `leave` takes the outcome in.
        `tried`: indexes that the attempt has used, that of `permit` with or without.
        """
        if not outcome.fails_over or self._shut(now) is not None:
            return None
        others = [
            state
            for state in self._states
            if state is not permit.holder and state.index not in tried and state.breaker.advance(now=now) == "Closed"
        ]
        if not others:
            return None
        if outcome.unsent:
            self._allowance.give_back(taken_at=permit.taken_at, now=now)
        if not self._allowance.take(share=self._share(now), now=now):
            return None
        permit.holder.outstanding -= 1
        self._tell_circuit(permit, outcome, now=now)
        return self._permit(least_outstanding(others, start=self._turn, now=now), now=now)

    def leave(self, permit: Permit, *, outcome: Outcome | None, now: float) -> None:
        """Give the permit back with how the attempt ended; None: nothing was sent, all that was taken is put back."""
        self._in_flight -= 1
        permit.holder.outstanding -= 1
        if outcome is None:
            self._allowance.give_back(taken_at=permit.taken_at, now=now)
            if permit.probe:
                permit.holder.breaker.probe_ended(None, now=now)
            return
        self._tell_circuit(permit, outcome, now=now)
        if outcome.kind != "Delivered":
            self._slow_down(outcome, now=now)
        if outcome.disables or outcome.kind == "Disable":
            self._disabled = _disabled_by(outcome)

    def width(self, *, now: float) -> int:
        """Give the number of attempts that may be open now.

        `maxInFlight`, less in slow start, 1 while half-open, 0 while open, disabled, refused or paused.
        """
        if self._shut(now) is not None:
            return 0
        circuit = self._circuit(now)
        if circuit == "Closed":
            return self._places(now)
        return 1 if circuit == "HalfOpen" else 0

    def ahead(self, *, now: float) -> int:
        """Give the number of messages worth having in hand beside those under way.

        None while nothing may start or the probe is under way; else what two seconds of the rate can start, at least
        one, at most the width.
        """
        width = self.width(now=now)
        probing = all(state.breaker.probing for state in self._states if state.breaker.state == "HalfOpen")
        if width == 0 or (probing and self._circuit(now) == "HalfOpen"):
            return 0
        rate = self._allowance.rate(share=self._share(now), now=now)
        return width if rate is None else max(1, min(width, int(rate * AHEAD_SECONDS)))

    def report(self, *, now: float) -> GateReport:
        """Say how it stands."""
        open_states = [state for state in self._states if state.breaker.advance(now=now) != "Closed"]
        soonest = min(open_states or self._states, key=lambda state: state.breaker.until).breaker
        rate = self._allowance.imposed(share=self._share(now), now=now)
        return GateReport(
            limited_by=self._limited_by(now),
            circuit=self._circuit(now),
            open_targets=len(open_states),
            targets=len(self._states),
            next_probe_in_seconds=max(0.0, soonest.until - now) if open_states else None,
            pause_seconds=soonest.pause_seconds,
            allowed_requests_per_second=None if rate is None else max(1, int(rate)),
            disabled=self._disabled,
        )

    def disable(self, *, reason: str, message: str) -> None:
        """Let nothing start until `enable`."""
        self._disabled = Disabled(reason, message)

    def enable(self, *, now: float) -> None:
        """Let attempts start again; a pause that the receiver asked for before ends too."""
        self._disabled = None
        self._paused_until = min(self._paused_until, now)

    def allow_rate(self, requests_per_second: float | None) -> None:
        """Hold the rate below what the handshake allows, over 0; None: it sets no bound."""
        self._allowance.allow(requests_per_second)

    def refuse(self, refused: bool) -> None:  # noqa: FBT001 -- the verb says what True is
        """Let nothing start while the handshake is pending or was refused."""
        self._refused = refused

    def memory(self, *, now: float) -> tuple[CircuitMemory, ...]:
        """Give the circuits that are not closed."""
        return circuits_left(self._states, now=now)

    def restore(self, memories: Iterable[CircuitMemory], *, now: float) -> None:
        """Begin with the circuits that the former owner left; of targets that are no more, nothing."""
        take_circuits(self._states, memories=memories, now=now)

    def _take_over(self, target: Target, *, now: float) -> None:
        self._states = next_states(self._states, target=target, now=now)
        # Without a rate a permit holds nothing of its own: one for each target serves all attempts.
        self._permits = [Permit(state.index, False, state) for state in self._states]
        self._max_in_flight = target.limits.max_in_flight
        self._max_pause_seconds = target.breaker.max_open_seconds
        self._paused_until = min(self._paused_until, now + self._max_pause_seconds)

    def _shut(self, now: float) -> Wait | None:
        if self._disabled is not None:
            return Wait(None, "Disabled")
        if self._refused:
            return Wait(None, "Handshake")
        return Wait(self._paused_until, "RetryAfter") if now < self._paused_until else None

    def _choose(self, now: float) -> TargetState | Wait:
        states = self._states
        if len(states) == 1 and states[0].breaker.state == "Closed":
            closed = states
        else:
            for state in states:
                if state.breaker.advance(now=now) == "HalfOpen" and not state.breaker.probing:
                    return state if self._in_flight < self._max_in_flight else Wait(None, "MaxInFlight")
            closed = [state for state in states if state.breaker.state == "Closed"]
        if not closed:
            pauses = [state.breaker.until for state in states if state.breaker.state == "Open"]
            return Wait(min(pauses, default=None), "CircuitBreaker")
        if self._in_flight >= self._places(now):
            return self._no_place(now)
        return closed[0] if len(closed) == 1 else least_outstanding(closed, start=self._turn, now=now)

    def _places(self, now: float) -> int:
        share = self._share(now)
        return self._max_in_flight if share >= 1.0 else max(1, int(self._max_in_flight * share + _SLACK))

    def _no_place(self, now: float) -> Wait:
        places = self._places(now)
        if places >= self._max_in_flight or self._in_flight >= self._max_in_flight:
            return Wait(None, "MaxInFlight")
        ramps = [state.breaker.slow_start for state in self._states if state.breaker.state == "Closed"]
        share = (self._in_flight + 1) / self._max_in_flight
        grown_at = min(ramp.reaches(share) for ramp in ramps if ramp is not None)
        return Wait(max(grown_at, now + _MIN_WAIT_SECONDS), "SlowStart")

    def _take_token(self, now: float) -> Wait | None:
        share = self._share(now)
        if self._allowance.take(share=share, now=now):
            return None
        until = max(self._allowance.ready_at(now=now), now)
        return Wait(until, self._allowance.limited_by(share=share, now=now))

    def _permit(self, state: TargetState, *, now: float) -> Permit:
        state.outstanding += 1
        self._turn = state.index + 1
        if state.breaker.state == "HalfOpen":
            state.breaker.probing = True
            return Permit(state.index, True, state, now)
        if self._allowance.counted:
            return Permit(state.index, False, state, now)
        return self._permits[state.index]

    def _tell_circuit(self, permit: Permit, outcome: Outcome, *, now: float) -> None:
        health = "Up" if outcome.kind == "Delivered" else outcome.health
        if permit.probe:
            permit.holder.breaker.probe_ended(health, now=now)
        else:
            permit.holder.breaker.ended(health, began_at=now - outcome.duration_seconds, now=now)

    def _slow_down(self, outcome: Outcome, *, now: float) -> None:
        if outcome.throttles:
            started_at = now - outcome.duration_seconds
            self._allowance.lower(share=self._share(now), started_at=started_at, now=now)
        if outcome.retry_after_seconds:
            pause = min(outcome.retry_after_seconds, self._max_pause_seconds)
            self._paused_until = max(self._paused_until, now + pause)

    def _share(self, now: float) -> float:
        """Give the share of the load that the warmest closed target may have; 1 where none is closed."""
        best = 0.0
        for state in self._states:
            breaker = state.breaker
            if breaker.state == "Closed":
                if breaker.slow_start is None:
                    return 1.0
                best = max(best, breaker.share(now=now))
        return best or 1.0

    def _circuit(self, now: float) -> State:
        found = {state.breaker.advance(now=now) for state in self._states}
        if "Closed" in found:
            return "Closed"
        return "HalfOpen" if "HalfOpen" in found else "Open"

    def _limited_by(self, now: float) -> LimitedBy | None:
        shut = self._shut(now)
        if self._disabled is not None or self._refused:
            return shut.limited_by if shut else None
        if self._circuit(now) != "Closed":
            return "CircuitBreaker"
        if shut is not None:
            return shut.limited_by
        if self._allowance.throttled(now=now):
            return "Throttling"
        if self._share(now) < 1.0:
            return "SlowStart"
        return self._demand_held_back_by(now)

    def _demand_held_back_by(self, now: float) -> LimitedBy | None:
        """Name the limit at which the last `enter` had to wait, if it still holds: without demand nothing does."""
        if self._held_back_by == "MaxInFlight" and self._in_flight >= self._max_in_flight:
            return "MaxInFlight"
        if self._held_back_by == "RequestsPerSecond" and self._allowance.ready_at(now=now) > now:
            return "RequestsPerSecond"
        return None


def _disabled_by(outcome: Outcome) -> Disabled:
    if answer_of(outcome.status_code).kind == "Disable":
        return Disabled("Gone", f"the receiver answered {outcome.status_code}: it takes no more events")
    return Disabled("DisabledByReceiver", "the receiver asked for it: `webhook-delivery: disable`")
