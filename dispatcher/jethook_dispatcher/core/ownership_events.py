"""What happens to a member (events) and what it wants done (effects).

Answers carry the nonce, or the number of the read, of what was asked, so that an answer that comes after a new join
or after a lost connection is told apart and ignored.
"""

from __future__ import annotations

from dataclasses import dataclass

from jethook_dispatcher.core.ownership_state import Claim, Lease, LossReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time passed. `fresh_nonce` is used if the member joins now; it must be new at each tick."""

    fresh_nonce: str


@dataclass(frozen=True, slots=True)
class Connected:
    """The connection to NATS is back."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection to NATS is lost."""


@dataclass(frozen=True, slots=True)
class LeaveRequested:
    """The process wants to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseWritten:
    """The own lease was stored, by the write that was begun at `sent_at`."""

    nonce: str
    sent_at: float
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseNotWritten:
    """The write of the own lease was refused (`wrong_revision`), or failed, or has no answer."""

    nonce: str
    wrong_revision: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDone:
    """All leases were read; also all claims, if they were asked for (else `claims` is None)."""

    number: int
    leases: tuple[Lease, ...]
    claims: tuple[tuple[int, Claim], ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFailed:
    """A read failed or has no answer."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTaken:
    """A claim was stored."""

    nonce: str
    shard: int
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNotTaken:
    """A claim was refused, or failed, or has no answer."""

    nonce: str
    shard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """Nothing is under way for the shard any more, or it had its time."""

    nonce: str
    shard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimReleased:
    """A release was stored; one that was not shows in the next read."""

    nonce: str
    shard: int
    revision: int


Event = (
    Tick
    | Connected
    | Disconnected
    | LeaveRequested
    | LeaseWritten
    | LeaseNotWritten
    | ReadDone
    | ReadFailed
    | ClaimTaken
    | ClaimNotTaken
    | Drained
    | ClaimReleased
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteLease:
    """Write the own lease where the key has revision `expected` (0: unset); answer LeaseWritten or LeaseNotWritten.

    `left` marks the lease as left; else it is live.
    """

    nonce: str
    expected: int
    sent_at: float
    left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Read all leases, and all claims if `claims`; answer ReadDone or ReadFailed."""

    number: int
    claims: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Write a peer's lease as fenced where its key still has this revision; no answer is needed."""

    lease: Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeClaim:
    """Claim a shard where its key has revision `expected` (0: unset); answer ClaimTaken or ClaimNotTaken."""

    nonce: str
    shard: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseClaim:
    """Write a claim as released where its key has revision `expected`; answer ClaimReleased."""

    nonce: str
    shard: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gained:
    """Begin to work on the shard."""

    shard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """End what is under way for the shard, start nothing new; answer Drained."""

    nonce: str
    shard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Stop for the shard at once and write nothing for it; needs no answer."""

    shard: int
    reason: LossReason


Effect = WriteLease | Read | Fence | TakeClaim | ReleaseClaim | Gained | Drain | Lost
