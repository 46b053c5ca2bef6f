"""The own lease: join, renew, lapse, leave (rules 1 and 5)."""

from __future__ import annotations

from dataclasses import replace

from jethook_dispatcher.core.ownership_events import Effect, LeaseNotWritten, LeaseWritten, Lost, WriteLease
from jethook_dispatcher.core.ownership_peers import interrupted, presumed_dead
from jethook_dispatcher.core.ownership_state import NEVER, Lease, LossReason, Phase, Stage, State

FORMER_NONCES = 8

Step = tuple[State, tuple[Effect, ...]]


def expire(state: State, *, now: float) -> Step:
    """Drop everything if the lease lapsed."""
    if state.in_pool() and now >= state.valid_until:
        return _drop(state, reason=LossReason.LAPSED)
    return state, ()


def renew(state: State, *, now: float) -> Step:
    """Write the lease when it is due; when everything is given up, write that the member left."""
    if state.renewal_sent is not None or not state.lease_known:
        return state, ()
    if state.phase is Phase.LEAVING and not state.holdings and not state.claiming:
        return _write(state, left=True, now=now)
    if now < state.next_renewal:
        return state, ()
    return _write(state, left=False, now=now)


def written(state: State, event: LeaseWritten) -> State:
    """Count the validity from the moment before the write was sent."""
    revision = max(state.lease_revision, event.revision)
    state = replace(state, renewal_sent=None, lease_revision=revision, lease_known=True)
    if state.left_written:
        return replace(state, phase=Phase.LEFT, nonce="", valid_until=NEVER)
    valid_until = max(state.valid_until, event.sent_at + state.timings.valid_seconds)
    phase = Phase.MEMBER if state.phase is Phase.JOINING else state.phase
    return replace(state, phase=phase, valid_until=valid_until)


def not_written(state: State, event: LeaseNotWritten, *, now: float) -> State:
    """Look at the lease before the next write; the validity stays what it was."""
    known = state.lease_known and not event.wrong_revision and state.phase is not Phase.JOINING
    return replace(
        state,
        renewal_sent=None,
        left_written=False,
        lease_known=known,
        next_read=now,
        next_renewal=now + state.timings.retry_seconds,
    )


def outdated(state: State, leases: tuple[Lease, ...]) -> bool:
    """Tell whether a read is older than what this member wrote itself (a replica that lags, a key in mid-write)."""
    if not state.in_pool():
        return False
    own = _own(state, leases)
    return own is None or own.revision < state.lease_revision


def compared(state: State, leases: tuple[Lease, ...], *, now: float) -> Step:
    """Hold the own lease as it was read against the own belief."""
    own = _own(state, leases)
    if state.phase is Phase.JOINING:
        return _join(state, own, now=now), ()
    if not state.in_pool() or own is None:
        return state, ()
    if own.record.nonce != state.nonce or not own.live:
        return (state, ()) if state.left_written else _drop(state, reason=LossReason.FENCED)
    return replace(state, lease_revision=own.revision, lease_known=True), ()


def leaving(state: State) -> State:
    """Begin to leave; whoever is not in the pool has left at once."""
    if state.phase is Phase.MEMBER:
        return replace(state, phase=Phase.LEAVING)
    if state.phase is Phase.LEAVING:
        return state
    return replace(state, phase=Phase.LEFT, nonce="")


def _join(state: State, own: Lease | None, *, now: float) -> State:
    """Decide on which revision the first lease is written.

    A live lease under the own name with a foreign nonce is a process that may still be valid: it is waited for like
    any other peer.
    """
    if state.renewal_sent is not None:
        return state
    if own is not None and own.record.nonce == state.nonce and not own.live:
        return replace(_forget(state), phase=Phase.OUTSIDE)
    own_nonces = (*state.former, state.nonce)
    foreign = own is not None and own.live and own.record.nonce not in own_nonces
    if foreign and not presumed_dead(state, state.member, now=now):
        return state
    revision = 0 if own is None else own.revision
    return replace(state, lease_revision=revision, lease_known=True, next_renewal=now)


def _write(state: State, *, left: bool, now: float) -> Step:
    effect = WriteLease(nonce=state.nonce, expected=state.lease_revision, sent_at=now, left=left)
    next_renewal = now + state.timings.renew_seconds
    return replace(state, renewal_sent=now, next_renewal=next_renewal, left_written=left), (effect,)


def _own(state: State, leases: tuple[Lease, ...]) -> Lease | None:
    return next((lease for lease in leases if lease.record.member == state.member), None)


def _drop(state: State, *, reason: LossReason) -> Step:
    lost = tuple(
        Lost(shard=shard, reason=reason)
        for shard, holding in state.holdings.items()
        if holding.stage is not Stage.RELEASING
    )
    phase = Phase.LEFT if state.phase is Phase.LEAVING else Phase.OUTSIDE
    return replace(interrupted(_forget(state)), phase=phase), lost


def _forget(state: State) -> State:
    """Give up the nonce and what hangs on it; what was read of others stays."""
    return replace(
        state,
        nonce="",
        former=(*state.former, state.nonce)[-FORMER_NONCES:],
        lease_revision=0,
        lease_known=False,
        valid_until=NEVER,
        renewal_sent=None,
        next_renewal=NEVER,
        left_written=False,
        reading=False,
        claims={},
        holdings={},
        claiming=frozenset(),
    )
