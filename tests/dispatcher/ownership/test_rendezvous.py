"""Rendezvous hashing shares shards and moves few."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.members import SHARD_COUNT
from jethook_dispatcher.core.rendezvous import owners

names = st.sets(st.text("abcdefgh0123456789-", min_size=1, max_size=20), min_size=1, max_size=8)


@given(members=names, newcomer=st.text("xyz", min_size=1, max_size=5))
def test_a_newcomer_takes_shards_from_others_and_moves_no_other(members: set[str], newcomer: str) -> None:
    before = owners(members, shards=64)
    after = owners({*members, newcomer}, shards=64)
    assert all(now in (then, newcomer) for then, now in zip(before, after, strict=True))


@given(members=names)
def test_the_order_of_members_does_not_matter(members: set[str]) -> None:
    assert owners(sorted(members), shards=64) == owners(sorted(members, reverse=True), shards=64)


def test_two_members_get_at_least_100_shards_each() -> None:
    shares = owners(["jethook-dispatcher-default-0", "jethook-dispatcher-default-1"], shards=SHARD_COUNT)
    assert min(shares.count(member) for member in set(shares)) >= 100


def test_nobody_owns_anything_without_members() -> None:
    assert owners([], shards=SHARD_COUNT) == ()
