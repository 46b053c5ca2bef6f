"""Records of a pool's members: the lease of each, and who claims a shard (design section 6, Ownership)."""

from __future__ import annotations

import hashlib
from typing import Literal

from jethook_contract.record import Record

SHARD_COUNT = 256


class LeaseRecord(Record):
    """One member's lease, at `lease.<member>`; renewed every 2 s by compare-and-set on its own last revision.

    `state` is `Live`, `Fenced` (written by a peer that presumes the member dead) or `Left` (a graceful leave).
    `utilization_percent` is the busy share of the member's event loop since its last renewal, 0 to 100.
    """

    version: Literal[1] = 1
    member: str
    nonce: str
    state: Literal["Live", "Fenced", "Left"] = "Live"
    utilization_percent: int = 0


class ClaimRecord(Record):
    """Who claims one shard, at `claim.<shard>`; `released` says that the holder let go of it."""

    version: Literal[1] = 1
    member: str
    nonce: str
    released: bool = False


def shard_of(namespace: str, endpoint: str) -> int:
    """Give the shard (0 to 255) to which an endpoint belongs; every process computes the same."""
    return hashlib.blake2b(f"{namespace}/{endpoint}".encode(), digest_size=1).digest()[0]
