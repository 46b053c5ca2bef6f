"""The five rules of ownership, each case by hand."""

from __future__ import annotations

from typing import TypeVar

import pytest

from jethook_dispatcher.core import ownership_events as events
from jethook_dispatcher.core.ownership_state import Lease, LossReason, Phase, Stage
from tests.dispatcher.ownership.pool import ME, SHARDS, Driven, joined, owner_of_all

ALL = set(range(SHARDS))
Kind = TypeVar("Kind")


def of(effects: list[events.Effect], kind: type[Kind]) -> list[Kind]:
    return [effect for effect in effects if isinstance(effect, kind)]


def test_validity_counts_from_before_the_renewal_was_sent() -> None:
    driven = owner_of_all()
    start = driven.now
    driven.now = start + 3
    driven.renewed(sent_at=start)
    driven.now = start + 6.99
    assert driven.held == ALL
    driven.now = start + 7
    assert driven.held == set()


def test_a_renewal_that_is_answered_after_the_lapse_does_not_help() -> None:
    driven = owner_of_all()
    driven.now += 8
    lost = driven.renewed(sent_at=driven.now - 1)
    assert [effect.reason for effect in of(lost, events.Lost)] == [LossReason.LAPSED] * SHARDS
    assert driven.phase is Phase.OUTSIDE


def test_a_wrong_revision_with_the_own_nonce_is_adopted_and_the_validity_stays() -> None:
    driven = owner_of_all()
    valid_until = driven.state.valid_until
    revision = driven.store_lease()  # stored, the answer is lost
    driven.tick(2)
    driven.event(events.LeaseNotWritten(nonce=driven.state.nonce, wrong_revision=True))
    assert of(driven.tick(1), events.WriteLease) == [], "not before the lease was read"
    driven.read()
    assert driven.state.valid_until == valid_until
    assert [write.expected for write in of(driven.tick(0), events.WriteLease)] == [revision]


@pytest.mark.parametrize("nonce", ["anothers", None], ids=["another-nonce", "fenced"])
def test_a_lease_that_is_no_longer_the_own_drops_all(nonce: str | None) -> None:
    driven = owner_of_all()
    driven.store_lease(nonce=nonce)
    if nonce is None and driven.own is not None:
        driven.own = Lease(driven.own.record.model_copy(update={"state": "Fenced"}), driven.revision)
    lost = of(driven.read(), events.Lost)
    assert {(effect.shard, effect.reason) for effect in lost} == {(shard, LossReason.FENCED) for shard in ALL}
    assert driven.held == set()


def test_a_new_join_has_a_new_nonce_and_owns_nothing() -> None:
    driven = owner_of_all()
    before = driven.state.nonce
    stored = driven.own.revision if driven.own else 0
    driven.tick(8)
    driven.read()
    expected = [write.expected for write in of(driven.tick(0.25), events.WriteLease)]
    driven.renewed()
    assert expected == [stored], "the own former lease is written over at once"
    assert driven.phase is Phase.MEMBER
    assert driven.state.nonce not in ("", before)
    assert driven.held == set()


def test_a_peer_is_fenced_after_10_s_of_reading_the_same_revision() -> None:
    driven = joined()
    lease = driven.peer("peer")
    assert of(driven.pass_time(10), events.Fence) == []
    assert of(driven.pass_time(1), events.Fence) == [events.Fence(lease=lease)]


def test_a_peer_that_renews_is_never_fenced() -> None:
    driven = joined()
    for _ in range(8):
        driven.peer("peer")
        assert of(driven.pass_time(5), events.Fence) == []


def test_a_disconnect_starts_the_10_s_anew() -> None:
    driven = joined()
    driven.peer("peer")
    driven.pass_time(9)
    driven.event(events.Disconnected())
    driven.event(events.Connected())
    assert of(driven.pass_time(10), events.Fence) == []
    assert len(of(driven.pass_time(1), events.Fence)) == 1


def test_an_own_lapse_starts_the_10_s_anew() -> None:
    driven = joined()
    driven.peer("peer")
    driven.pass_time(5)
    driven.tick(8)
    driven.read()
    driven.tick(0.25)
    driven.renewed()
    assert of(driven.pass_time(9), events.Fence) == []


def test_nothing_is_claimed_before_the_membership_settled_for_3_s() -> None:
    driven = joined()
    assert of(driven.pass_time(2), events.TakeClaim) == []
    assert {take.shard for take in of(driven.pass_time(1), events.TakeClaim)} == ALL


CLAIMS = [
    pytest.param("Live", "p", False, 3, False, id="held-by-a-live-nonce"),
    pytest.param("Live", "p", True, 3, True, id="released"),
    pytest.param("Fenced", "p", False, 3, True, id="held-by-a-fenced-nonce"),
    pytest.param("Left", "p", False, 3, True, id="held-by-one-that-left"),
    pytest.param("Live", "older", False, 3, True, id="held-by-a-nonce-that-was-written-over"),
    pytest.param(None, "p", False, 9, False, id="lease-missing-for-9-s"),
    pytest.param(None, "p", False, 10, True, id="lease-missing-for-10-s"),
]


@pytest.mark.parametrize(("lease", "nonce", "released", "seconds", "taken"), CLAIMS)
def test_a_claim_is_taken_when_its_nonce_is_certainly_not_live(
    lease: str | None,
    nonce: str,
    released: bool,  # noqa: FBT001 -- a column of the table
    seconds: int,
    taken: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    driven = joined()
    driven.pass_time(1)
    shards = {shard for shard, owner in enumerate(_targets("peer")) if owner == ME} if lease == "Live" else ALL
    for shard in shards:
        driven.claim(shard, member="peer", nonce=nonce, released=released)
    if lease is not None:
        driven.peer("peer", state=lease)
    driven.read()
    takes = of(driven.pass_time(seconds), events.TakeClaim)
    assert {take.shard for take in takes} >= shards if taken else not {take.shard for take in takes} & shards


def test_a_shard_of_another_live_member_is_drained_then_released() -> None:
    driven = owner_of_all()
    driven.peer("peer")
    drains = of(driven.pass_time(4), events.Drain)
    theirs = {shard for shard, owner in enumerate(_targets("peer")) if owner == "peer"}
    assert {drain.shard for drain in drains} == theirs
    assert driven.held == ALL - theirs
    shard = min(theirs)
    assert driven.state.holds(shard, now=driven.now), "what was begun may still be written"
    releases = driven.event(events.Drained(nonce=driven.state.nonce, shard=shard))
    assert releases == [
        events.ReleaseClaim(nonce=driven.state.nonce, shard=shard, expected=driven.claims[shard].revision)
    ]
    assert not driven.state.holds(shard, now=driven.now)


def test_a_release_that_was_lost_is_sent_again() -> None:
    driven = owner_of_all()
    driven.peer("peer")
    drain = of(driven.pass_time(4), events.Drain)[0]
    first = driven.event(events.Drained(nonce=driven.state.nonce, shard=drain.shard))
    driven.peer("peer")
    assert [effect for effect in driven.pass_time(1) if isinstance(effect, events.ReleaseClaim)] == first


def test_a_claim_whose_answer_was_lost_is_adopted_from_what_is_read() -> None:
    driven = joined()
    takes = of(driven.pass_time(3), events.TakeClaim)
    for take in takes:
        driven.claim(take.shard, member=ME, nonce=take.nonce)
        driven.event(events.ClaimNotTaken(nonce=take.nonce, shard=take.shard))
    assert driven.held == set()
    assert {gain.shard for gain in of(driven.read(), events.Gained)} == ALL


def test_an_answer_to_a_former_nonce_is_ignored() -> None:
    driven = joined()
    take = of(driven.pass_time(3), events.TakeClaim)[0]
    driven.tick(8)
    assert driven.event(events.ClaimTaken(nonce=take.nonce, shard=take.shard, revision=99)) == []
    assert driven.state.holdings == {}


def test_a_read_that_is_older_than_the_own_lease_is_ignored() -> None:
    driven = owner_of_all()
    newer = driven.own
    driven.renewed()
    driven.own = newer
    driven.claims = {}
    assert driven.read() == []
    driven.own = None
    assert driven.read() == []
    assert driven.held == ALL


def test_a_lapse_takes_draining_shards_too() -> None:
    driven = owner_of_all()
    driven.peer("peer")
    assert of(driven.pass_time(4), events.Drain)
    assert {effect.shard for effect in of(driven.tick(8), events.Lost)} == ALL


def test_nothing_is_sent_while_disconnected_and_the_lapse_comes_by_itself() -> None:
    driven = owner_of_all()
    driven.event(events.Disconnected())
    assert driven.tick(3) == []
    assert driven.held == ALL
    assert len(of(driven.tick(4), events.Lost)) == SHARDS
    assert driven.tick(5) == []


def test_leaving_drains_releases_and_then_gives_up_the_lease() -> None:
    driven = owner_of_all()
    nonce = driven.state.nonce
    drains = of(driven.event(events.LeaveRequested()), events.Drain)
    assert {drain.shard for drain in drains} == ALL
    assert driven.held == set()
    assert not any(write.left for write in of(driven.tick(2), events.WriteLease))
    driven.renewed()
    for shard in ALL:
        release = of(driven.event(events.Drained(nonce=nonce, shard=shard)), events.ReleaseClaim)[0]
        claim = driven.claim(shard, member=ME, nonce=nonce, released=True)
        assert release.shard == shard
        driven.event(events.ClaimReleased(nonce=nonce, shard=shard, revision=claim.revision))
    assert [write.left for write in of(driven.tick(0.25), events.WriteLease)] == [True]
    driven.renewed()
    assert driven.phase is Phase.LEFT
    assert driven.tick(10) == []


def test_a_claim_that_arrives_while_leaving_is_given_back() -> None:
    driven = joined()
    take = of(driven.pass_time(3), events.TakeClaim)[0]
    driven.event(events.LeaveRequested())
    effects = driven.event(events.ClaimTaken(nonce=take.nonce, shard=take.shard, revision=50))
    assert effects == [events.ReleaseClaim(nonce=take.nonce, shard=take.shard, expected=50)]
    assert driven.state.holdings[take.shard].stage is Stage.RELEASING


def test_a_name_that_may_still_be_alive_is_waited_for() -> None:
    driven = Driven()
    driven.store_lease(nonce="of-another-process")
    driven.tick()
    for _ in range(10):
        driven.read()
        assert of(driven.tick(1), events.WriteLease) == []
    driven.read()
    assert [write.expected for write in of(driven.tick(), events.WriteLease)] == [driven.revision]


def _targets(peer: str) -> tuple[str, ...]:
    driven = joined()
    driven.peer(peer)
    driven.read()
    return driven.state.targets
