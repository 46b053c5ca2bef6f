"""What one member of a pool knows and believes about ownership (design section 6, Ownership).

Times are seconds on the member's own monotonic clock, which goes on while the process is stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from jethook_contract.members import SHARD_COUNT, ClaimRecord, LeaseRecord

NEVER = float("-inf")


class Phase(Enum):
    """Where a member stands with its pool."""

    OUTSIDE = "Outside"  # no nonce; joins as soon as it is connected
    JOINING = "Joining"  # has a nonce, its lease is not confirmed
    MEMBER = "Member"  # valid
    LEAVING = "Leaving"  # valid, gives everything up
    LEFT = "Left"  # for good


class Stage(Enum):
    """What a member does with a shard that it claims."""

    HELD = "Held"  # works
    DRAINING = "Draining"  # starts nothing new, ends what it began
    RELEASING = "Releasing"  # has written the release, or tries to


class LossReason(Enum):
    """Why a shard is no longer worked on."""

    RELEASED = "Released"  # handed over: there is time to end what was begun
    LAPSED = "Lapsed"  # the lease was not renewed in time: nothing may be written for the shard any more
    FENCED = "Fenced"  # a peer took the member for dead: as Lapsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """The times of the rules, in seconds.

    `valid_seconds` < `dead_seconds` is what keeps two owners apart: a member stops at least their difference (3 s, less
    what the clocks differ in rate) before a peer may fence it.
    """

    renew_seconds: float = 2.0
    valid_seconds: float = 7.0
    dead_seconds: float = 10.0
    settle_seconds: float = 3.0
    read_seconds: float = 1.0
    audit_seconds: float = 10.0
    """How often all claims are read while nothing moves; while something does, with every read."""
    retry_seconds: float = 0.5
    """How soon a renewal without an answer is tried again."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it was read, with the revision of its key."""

    record: LeaseRecord
    revision: int

    @property
    def identity(self) -> tuple[str, str]:
        """The member and its nonce."""
        return (self.record.member, self.record.nonce)

    @property
    def live(self) -> bool:
        """Tell whether the lease is neither fenced nor left."""
        return self.record.state == "Live"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as it was read or written, with the revision of its key."""

    record: ClaimRecord
    revision: int

    @property
    def identity(self) -> tuple[str, str]:
        """The member and nonce that claim the shard."""
        return (self.record.member, self.record.nonce)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The lease of a member as seen by this one.

    `unchanged_since`: when this revision was first read in this run of uninterrupted reading, None when the run
    was broken. `read_at`: when the lease was last among what was read, None likewise.
    """

    lease: Lease
    unchanged_since: float | None
    read_at: float | None


@dataclass(frozen=True, slots=True)
class Holding:
    """A shard that this member claims."""

    revision: int
    stage: Stage = Stage.HELD


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything a member knows; see `ownership.step` for how it changes.

    `nonce` is empty outside the pool; `former` are the last nonces that this process gave up. `lease_revision` is the
    last revision known of the own lease key (0: the key is unset), `lease_known` whether the next renewal may expect
    it. `renewal_sent` is when the write of the lease that is on its way was begun. `live` are (member, nonce) pairs.
    `suspects` are claimants without a live lease, with the time since when.
    """

    member: str
    timings: Timings = field(default_factory=Timings)
    shards: int = SHARD_COUNT
    phase: Phase = Phase.OUTSIDE
    nonce: str = ""
    former: tuple[str, ...] = ()
    connected: bool = True

    lease_revision: int = 0
    lease_known: bool = False
    valid_until: float = NEVER
    renewal_sent: float | None = None
    next_renewal: float = NEVER
    left_written: bool = False

    read_number: int = 0
    reading: bool = False
    next_read: float = NEVER
    next_audit: float = NEVER

    peers: Mapping[str, Peer] = field(default_factory=dict)
    live: frozenset[tuple[str, str]] = frozenset()
    live_since: float = NEVER
    targets: tuple[str, ...] = ()

    claims: Mapping[int, Claim] = field(default_factory=dict)
    suspects: Mapping[tuple[str, str], float] = field(default_factory=dict)
    holdings: Mapping[int, Holding] = field(default_factory=dict)
    claiming: frozenset[int] = frozenset()

    def may_start(self, shard: int, *, now: float) -> bool:
        """Tell whether an attempt for the shard may start at this moment."""
        holding = self.holdings.get(shard)
        return holding is not None and holding.stage is Stage.HELD and now < self.valid_until

    def holds(self, shard: int, *, now: float) -> bool:
        """Tell whether this member may still write for the shard; true also while the shard drains."""
        holding = self.holdings.get(shard)
        return holding is not None and holding.stage is not Stage.RELEASING and now < self.valid_until

    def settled(self, *, now: float) -> bool:
        """Tell whether the membership has been the same for long enough to move claims."""
        return now - self.live_since >= self.timings.settle_seconds

    def in_pool(self) -> bool:
        """Tell whether this member has a confirmed lease."""
        return self.phase in (Phase.MEMBER, Phase.LEAVING)
