"""Claims: which shards to take, give up and keep (rule 3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from jethook_contract.members import ClaimRecord
from jethook_dispatcher.core.ownership_events import (
    ClaimReleased,
    ClaimTaken,
    Drain,
    Drained,
    Effect,
    Gained,
    Lost,
    ReleaseClaim,
    TakeClaim,
)
from jethook_dispatcher.core.ownership_peers import claimant_gone, suspected
from jethook_dispatcher.core.ownership_state import Claim, Holding, LossReason, Phase, Stage, State

Step = tuple[State, tuple[Effect, ...]]


def moving(state: State, *, now: float) -> bool:
    """Tell whether claims are still on their way to where they should be, so that all of them must be read."""
    if not state.settled(now=now) or state.claiming:
        return True
    if any(holding.stage is not Stage.HELD for holding in state.holdings.values()):
        return True
    return any((target == state.member) != (shard in state.holdings) for shard, target in enumerate(state.targets))


def compared(state: State, read: Iterable[tuple[int, Claim]], *, now: float) -> Step:
    """Take in one read of all claims: keep, lose, take, give up."""
    known = dict(state.claims)
    for shard, claim in read:
        older = known.get(shard)
        if older is None or older.revision <= claim.revision:
            known[shard] = claim
    state = suspected(replace(state, claims=known), known, now=now)
    state, effects = _reconciled(state)
    seen_live = (state.member, state.nonce) in state.live
    if state.phase is Phase.MEMBER and seen_live and state.settled(now=now):
        state, drains = _give_up(state)
        state, takes = _take(state, now=now)
        effects = (*effects, *drains, *takes)
    return state, effects


def taken(state: State, event: ClaimTaken) -> Step:
    """Begin to work on a shard; whoever is leaving gives it back at once."""
    state = _known(state, event.shard, revision=event.revision, released=False)
    state = replace(state, claiming=state.claiming - {event.shard})
    return _adopt(state, event.shard, revision=event.revision)


def drained(state: State, event: Drained) -> Step:
    """Release a claim under which nothing is under way any more."""
    holding = state.holdings.get(event.shard)
    if holding is None or holding.stage is not Stage.DRAINING:
        return state, ()
    return _release(state, event.shard, revision=holding.revision)


def released(state: State, event: ClaimReleased) -> State:
    """Forget a shard whose release is stored."""
    holdings = {shard: holding for shard, holding in state.holdings.items() if shard != event.shard}
    return replace(_known(state, event.shard, revision=event.revision, released=True), holdings=holdings)


def drain_all(state: State) -> Step:
    """Give everything up, on the way out."""
    if state.phase is not Phase.LEAVING:
        return state, ()
    return _drain(state, [shard for shard, holding in state.holdings.items() if holding.stage is Stage.HELD])


def _reconciled(state: State) -> Step:
    """Hold the own holdings against the claims as they were read."""
    effects: list[Effect] = []
    mine = {
        shard: claim.revision
        for shard, claim in state.claims.items()
        if claim.identity == (state.member, state.nonce) and not claim.record.released
    }
    for shard, holding in dict(state.holdings).items():
        if shard in mine:
            continue
        state = replace(state, holdings={other: kept for other, kept in state.holdings.items() if other != shard})
        if holding.stage is not Stage.RELEASING:
            effects.append(Lost(shard=shard, reason=LossReason.FENCED))
    for shard, revision in mine.items():
        held = state.holdings.get(shard)
        if held is None and shard not in state.claiming:  # a claim was stored, its answer was lost
            state, more = _adopt(state, shard, revision=revision)
            effects.extend(more)
        elif held is not None and held.stage is Stage.RELEASING:  # a release was lost
            state, more = _release(state, shard, revision=revision)
            effects.extend(more)
    return state, tuple(effects)


def _adopt(state: State, shard: int, *, revision: int) -> Step:
    if state.phase is not Phase.MEMBER:
        return _release(state, shard, revision=revision)
    return replace(state, holdings={**state.holdings, shard: Holding(revision)}), (Gained(shard=shard),)


def _release(state: State, shard: int, *, revision: int) -> Step:
    effect = ReleaseClaim(nonce=state.nonce, shard=shard, expected=revision)
    return replace(state, holdings={**state.holdings, shard: Holding(revision, Stage.RELEASING)}), (effect,)


def _give_up(state: State) -> Step:
    """Drain what another live member should own."""
    return _drain(
        state,
        [
            shard
            for shard, holding in state.holdings.items()
            if holding.stage is Stage.HELD and state.targets[shard] != state.member
        ],
    )


def _drain(state: State, shards: list[int]) -> Step:
    draining = {shard: replace(state.holdings[shard], stage=Stage.DRAINING) for shard in shards}
    effects = tuple(Drain(nonce=state.nonce, shard=shard) for shard in shards)
    return replace(state, holdings={**state.holdings, **draining}), effects


def _take(state: State, *, now: float) -> Step:
    """Claim what this member should own and nobody holds."""
    takes = tuple(
        TakeClaim(nonce=state.nonce, shard=shard, expected=_revision(state.claims.get(shard)))
        for shard, target in enumerate(state.targets)
        if target == state.member
        and shard not in state.holdings
        and shard not in state.claiming
        and _free(state, state.claims.get(shard), now=now)
    )
    return replace(state, claiming=state.claiming | {take.shard for take in takes}), takes


def _free(state: State, claim: Claim | None, *, now: float) -> bool:
    return claim is None or claim.record.released or claimant_gone(state, claim, now=now)


def _revision(claim: Claim | None) -> int:
    return 0 if claim is None else claim.revision


def _known(state: State, shard: int, *, revision: int, released: bool) -> State:
    record = ClaimRecord(member=state.member, nonce=state.nonce, released=released)
    known = state.claims.get(shard)
    if known is not None and known.revision > revision:
        return state
    return replace(state, claims={**state.claims, shard: Claim(record, revision)})
