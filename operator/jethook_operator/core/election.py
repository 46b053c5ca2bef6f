"""Who of several operators works: the rules of a Kubernetes Lease, as a state machine without clock and network.

The semantics are those of client-go's `leaderelection`: a candidate takes a Lease over when it has seen no change in it
for the Lease's whole duration, by its own monotonic clock. The times of day that stand in the Lease are for people:
clocks that differ by a minute do no harm. Stricter than client-go: a leader is valid from the moment *before* its last
successful write was sent, not from the answer; and of a Lease that vanishes, the rest of its duration still counts.

The driver asks `next_step`, carries the step out, and tells `read`, `wrote` or `failed`. A candidate that has lost the
Lease never gets it back: its process ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime

from jethook_contract.errors import Invalid

_LONGEST_LEASE_SECONDS = 300
_CONFLICT_SHARE = 0.1  # of the retry period: what changed the Lease is looked at soon, and never in a tight loop
_JITTER = 0.1  # of the retry period: candidates that were started together drift apart


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionSettings:
    """How long things take, in seconds; raises Invalid `BadElection` unless lease > renew_deadline > 2 * retry > 0.

    `lease`: an unchanged Lease holds others off for so long. `renew_deadline`: a leader works for so long after its
    last renewal. `retry`: between two looks or renewals.
    """

    lease_seconds: float = 15.0
    renew_deadline_seconds: float = 10.0
    retry_seconds: float = 2.0

    def __post_init__(self) -> None:
        if not self.lease_seconds > self.renew_deadline_seconds > 2 * self.retry_seconds > 0:
            raise Invalid("BadElection", "a lease must outlast the deadline of its renewal, and that two tries of it")

    @property
    def request_seconds(self) -> float:
        """Give the bound on one request: two of them fit into the deadline."""
        return self.renew_deadline_seconds / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What stands in a Lease; `holder` is empty when it is free.

    `duration_seconds`: how long its holder counts on it. The times of day are None where nobody wrote them.
    """

    holder: str
    duration_seconds: int = 0
    acquired: datetime | None = None
    renewed: datetime | None = None
    transitions: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until then, by the driver's monotonic clock."""

    until: float


@dataclass(frozen=True, slots=True)
class Read:
    """Read the Lease."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write this Lease: in place of exactly this resource version, or as a new object where that is empty."""

    lease: Lease
    version: str


@dataclass(frozen=True, slots=True)
class Lost:
    """End the process, for this reason."""

    reason: str


Step = Wait | Read | Write | Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One operator in the election; times are seconds of its monotonic clock.

    `seen`: the Lease at the last sight of it, `seen_at` since when it is unchanged, `version` to write over (empty:
    there is none). `fresh`: nothing speaks against that version. `again_at`: nothing is done before. `valid_until`:
    None until it leads. `lost`: why it is out.
    """

    identity: str
    settings: ElectionSettings = ElectionSettings()
    seen: Lease | None = None
    seen_at: float = 0.0
    version: str = ""
    fresh: bool = False
    again_at: float = -math.inf
    valid_until: float | None = None
    lost: str = ""

    def leads(self, now: float) -> bool:
        """Tell whether it may work at this moment."""
        return not self.lost and self.valid_until is not None and now < self.valid_until


def next_step(candidate: Candidate, *, now: float, today: datetime) -> Step:
    """Say what to do; `today` is the time of day that people will read in the Lease."""
    if candidate.lost:
        return Lost(candidate.lost)
    if candidate.valid_until is not None and now >= candidate.valid_until:
        return Lost(f"it could not be renewed for {candidate.settings.renew_deadline_seconds:g} s")
    if now < candidate.again_at:
        return Wait(candidate.again_at)
    if not candidate.fresh:
        return Read()
    return Write(_claim(candidate, today=today), candidate.version)


def read(candidate: Candidate, lease: Lease | None, *, version: str, now: float, random: float) -> Candidate:
    """Take note of the Lease, None (and no version) when there is none; `now` is the time of the answer.

    `random` in [0, 1) spreads the looks of candidates.
    """
    if candidate.valid_until is not None:
        if lease is None or lease.holder != candidate.identity:
            return replace(candidate, lost=_why_lost(lease))
        return replace(candidate, seen=lease, version=version, fresh=True, again_at=now)
    known = replace(candidate, version=version)
    if lease is not None and lease != candidate.seen:
        known = replace(known, seen=lease, seen_at=now)
    look_again = now + candidate.settings.retry_seconds * (1 + _JITTER * random)
    free_at = _free_at(known)
    return replace(known, fresh=free_at <= look_again, again_at=min(max(now, free_at), look_again))


def wrote(candidate: Candidate, lease: Lease, *, version: str, sent_at: float) -> Candidate:
    """Take note that a Write succeeded and of the version that it made; `sent_at` is the time just before it went."""
    return replace(
        candidate,
        seen=lease,
        version=version,
        fresh=True,
        again_at=sent_at + candidate.settings.retry_seconds,
        valid_until=sent_at + candidate.settings.renew_deadline_seconds,
    )


def failed(candidate: Candidate, *, conflict: bool, now: float) -> Candidate:
    """Take note that a step failed or that nobody knows; `conflict`: the Lease was not as it had been seen."""
    share = _CONFLICT_SHARE if conflict else 1.0
    return replace(candidate, fresh=False, again_at=now + share * candidate.settings.retry_seconds)


def released(candidate: Candidate, *, now: float) -> tuple[Candidate, Write | None]:
    """Stop leading, at once, and give what to write so that another need not wait; None when it does not lead."""
    after = replace(candidate, lost="it was released")
    if not candidate.leads(now) or candidate.seen is None:
        return after, None
    return after, Write(replace(candidate.seen, holder="", duration_seconds=1), candidate.version)


def _free_at(candidate: Candidate) -> float:
    """Say when the Lease may be taken."""
    lease = candidate.seen
    if lease is None or lease.holder in {"", candidate.identity}:
        return -math.inf
    promised = min(lease.duration_seconds, _LONGEST_LEASE_SECONDS)
    return candidate.seen_at + max(promised, candidate.settings.lease_seconds)


def _claim(candidate: Candidate, *, today: datetime) -> Lease:
    before = candidate.seen or Lease(holder="", transitions=-1)
    mine = before.holder == candidate.identity
    return Lease(
        holder=candidate.identity,
        duration_seconds=math.ceil(candidate.settings.lease_seconds),
        acquired=before.acquired if mine else today,
        renewed=today,
        transitions=before.transitions + (not mine),
    )


def _why_lost(lease: Lease | None) -> str:
    if lease is None:
        return "somebody deleted it"
    return f"{lease.holder} has taken it" if lease.holder else "somebody has cleared its holder"
