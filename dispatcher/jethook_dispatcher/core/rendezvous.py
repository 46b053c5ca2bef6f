"""Rendezvous hashing: which live member should own a shard.

It only proposes. A member that joins or goes moves just the shards that it gets or had (Thaler and Ravishankar 1998).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b


def owners(members: Iterable[str], *, shards: int) -> tuple[str, ...]:
    """Name the member that should own each shard, by shard number; empty when there are no members."""
    ordered = sorted(set(members))
    if not ordered:
        return ()
    return tuple(max(ordered, key=lambda member: _weight(member, shard=shard)) for shard in range(shards))


def _weight(member: str, *, shard: int) -> bytes:
    return blake2b(f"{member}|{shard}".encode(), digest_size=8).digest()
