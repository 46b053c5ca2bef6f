"""What a member makes of the leases it reads: who is live, who is presumed dead (rule 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jethook_dispatcher.core.ownership_events import Fence
from jethook_dispatcher.core.ownership_state import Claim, Lease, Peer, State
from jethook_dispatcher.core.rendezvous import owners


def observed(state: State, leases: tuple[Lease, ...], *, now: float) -> State:
    """Take in one read of all leases, the own one included.

    A lease that is missing from a read, or older there, is kept for `dead_seconds` as it was last seen: a read of many
    keys may leave out one that is just being written, and a replica may lag.
    """
    read = {lease.record.member: lease for lease in leases}
    peers: dict[str, Peer] = {}
    for member in state.peers.keys() | read.keys():
        peer = _seen(state.peers.get(member), lease=read.get(member), now=now)
        if peer.read_at is not None and now - peer.read_at < state.timings.dead_seconds:
            peers[member] = peer
    live = frozenset(peer.lease.identity for peer in peers.values() if peer.lease.live)
    state = replace(state, peers=peers)
    if live == state.live:
        return state
    targets = owners((member for member, _ in live), shards=state.shards)
    return replace(state, live=live, live_since=now, targets=targets)


def interrupted(state: State) -> State:
    """Begin all observations anew: the connection was lost, or the own lease lapsed."""
    peers = {member: replace(peer, unchanged_since=None, read_at=None) for member, peer in state.peers.items()}
    return replace(state, peers=peers, suspects={})


def presumed_dead(state: State, member: str, *, now: float) -> bool:
    """Tell whether a lease has been read unchanged for so long that its holder cannot be valid."""
    peer = state.peers.get(member)
    if peer is None or peer.unchanged_since is None:
        return False
    return now - peer.unchanged_since >= state.timings.dead_seconds


def fences(state: State, *, now: float) -> tuple[Fence, ...]:
    """Name the peers to fence."""
    return tuple(
        Fence(lease=peer.lease)
        for member, peer in state.peers.items()
        if member != state.member and peer.lease.live and presumed_dead(state, member, now=now)
    )


def suspected(state: State, claims: Mapping[int, Claim], *, now: float) -> State:
    """Note since when claimants are without a live lease."""
    without = {
        claim.identity for claim in claims.values() if not claim.record.released and claim.identity not in state.live
    }
    return replace(state, suspects={identity: state.suspects.get(identity, now) for identity in without})


def claimant_gone(state: State, claim: Claim, *, now: float) -> bool:
    """Tell whether the nonce of a claim is certainly not live.

    Certain is what a later lease of the same member says, or a fence. Without either (the lease is missing, or older
    than the claim) only time tells.
    """
    if claim.identity in state.live:
        return False
    peer = state.peers.get(claim.record.member)
    if peer is not None:
        if peer.lease.identity == claim.identity:
            return True
        if peer.lease.revision > claim.revision:
            return True
    since = state.suspects.get(claim.identity)
    return since is not None and now - since >= state.timings.dead_seconds


def _seen(peer: Peer | None, *, lease: Lease | None, now: float) -> Peer:
    if peer is None:
        assert lease is not None  # noqa: S101 -- a member comes from the one table or the other
        return Peer(lease=lease, unchanged_since=now, read_at=now)
    if lease is None or lease.revision < peer.lease.revision:
        return peer if peer.read_at is not None else replace(peer, read_at=now)
    if lease.revision > peer.lease.revision:
        return Peer(lease=lease, unchanged_since=now, read_at=now)
    since = now if peer.unchanged_since is None else peer.unchanged_since
    return replace(peer, unchanged_since=since, read_at=now)
