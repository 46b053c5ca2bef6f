"""Ownership of shards: the state machine of one member (design section 6, Ownership; docs/ownership.md).

`step` is the whole of it: state and event in, state and effects out. The lease is in `ownership_lease.py`, peers and
fencing in `ownership_peers.py`, claims in `ownership_claims.py`.
"""

from __future__ import annotations

from dataclasses import replace

from jethook_dispatcher.core import ownership_claims as claims
from jethook_dispatcher.core import ownership_lease as lease
from jethook_dispatcher.core import ownership_peers as peers
from jethook_dispatcher.core.ownership_events import (
    ClaimNotTaken,
    ClaimReleased,
    ClaimTaken,
    Connected,
    Disconnected,
    Drained,
    Effect,
    Event,
    LeaseNotWritten,
    LeaseWritten,
    LeaveRequested,
    Read,
    ReadDone,
    ReadFailed,
    Tick,
)
from jethook_dispatcher.core.ownership_state import Phase, State

Step = tuple[State, tuple[Effect, ...]]


def step(state: State, event: Event, *, now: float) -> Step:
    """Give what the member knows after an event, and what it wants done.

    `now` is the own monotonic clock, read after the event came in. A lapse is noticed before anything else: whoever
    wakes late must not act on what it believed.
    """
    state, dropped = lease.expire(state, now=now)
    state, effects = _handle(state, event, now=now)
    return state, dropped + effects


def _handle(state: State, event: Event, *, now: float) -> Step:
    match event:
        case Tick():
            return _tick(state, event, now=now)
        case ReadDone() | ReadFailed():
            return _read_answered(state, event, now=now)
        case Connected() | Disconnected() | LeaveRequested():
            return _told(state, event, now=now)
    if event.nonce != state.nonce or not state.nonce:
        return state, ()
    if isinstance(event, LeaseWritten | LeaseNotWritten):
        return _lease_answered(state, event, now=now), ()
    return _claim_answered(state, event, now=now)


def _told(state: State, event: Connected | Disconnected | LeaveRequested, *, now: float) -> Step:
    match event:
        case Connected():
            return replace(state, connected=True, next_renewal=now, next_read=now), ()
        case Disconnected():
            return peers.interrupted(replace(state, connected=False, reading=False)), ()
        case LeaveRequested():
            return claims.drain_all(lease.leaving(state))


def _lease_answered(state: State, event: LeaseWritten | LeaseNotWritten, *, now: float) -> State:
    if isinstance(event, LeaseNotWritten):
        return lease.not_written(state, event, now=now)
    if state.phase is Phase.JOINING:
        state = peers.interrupted(state)  # what it saw before it was valid does not count
    return lease.written(state, event)


def _claim_answered(state: State, event: ClaimTaken | ClaimNotTaken | Drained | ClaimReleased, *, now: float) -> Step:
    match event:
        case ClaimTaken():
            return claims.taken(state, event)
        case ClaimNotTaken():
            return replace(state, claiming=state.claiming - {event.shard}, next_read=now), ()
        case Drained():
            return claims.drained(state, event)
        case ClaimReleased():
            return claims.released(state, event), ()


def _tick(state: State, event: Tick, *, now: float) -> Step:
    if not state.connected or state.phase is Phase.LEFT:
        return state, ()
    if state.phase is Phase.OUTSIDE:
        state = replace(state, phase=Phase.JOINING, nonce=event.fresh_nonce, next_read=now)
    state, effects = lease.renew(state, now=now)
    if state.reading or now < state.next_read:
        return state, effects
    full = claims.moving(state, now=now) or now >= state.next_audit
    state = replace(
        state,
        reading=True,
        read_number=state.read_number + 1,
        next_read=now + state.timings.read_seconds,
        next_audit=now + state.timings.audit_seconds if full else state.next_audit,
    )
    return state, (*effects, Read(number=state.read_number, claims=full))


def _read_answered(state: State, event: ReadDone | ReadFailed, *, now: float) -> Step:
    if event.number != state.read_number or not state.reading:
        return state, ()
    state = replace(state, reading=False)
    if isinstance(event, ReadFailed) or lease.outdated(state, event.leases):
        return state, ()
    state = peers.observed(state, event.leases, now=now)
    state, effects = lease.compared(state, event.leases, now=now)
    if not state.in_pool():
        return state, effects
    effects += peers.fences(state, now=now)
    if event.claims is not None:
        state, moves = claims.compared(state, event.claims, now=now)
        effects += moves
    return state, effects
