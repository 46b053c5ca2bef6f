"""One member driven by hand, with what NATS would answer."""

from __future__ import annotations

from dataclasses import replace

from jethook_contract.members import ClaimRecord, LeaseRecord
from jethook_dispatcher.core import ownership_events as events
from jethook_dispatcher.core.ownership import step
from jethook_dispatcher.core.ownership_state import Claim, Lease, Phase, State

ME = "me"
SHARDS = 8


class Driven:
    """Drive one member; `own` is its lease as the bucket has it, `peers` and `claims` what a read gives besides."""

    def __init__(self) -> None:
        self.state = State(member=ME, shards=SHARDS)
        self.now = 100.0
        self.own: Lease | None = None
        self.peers: list[Lease] = []
        self.claims: dict[int, Claim] = {}
        self.revision = 0

    @property
    def phase(self) -> Phase:
        return self.state.phase

    @property
    def held(self) -> set[int]:
        return {shard for shard in range(SHARDS) if self.state.may_start(shard, now=self.now)}

    def event(self, event: events.Event) -> list[events.Effect]:
        self.state, effects = step(self.state, event, now=self.now)
        return list(effects)

    def tick(self, seconds: float = 0.0) -> list[events.Effect]:
        self.now += seconds
        return self.event(events.Tick(fresh_nonce=f"n{self.now}"))

    def read(self, *, claims: bool = True) -> list[events.Effect]:
        """Answer a read that is begun now."""
        self.state = replace(self.state, reading=True)
        leases = (*self.peers, self.own) if self.own else tuple(self.peers)
        found = tuple(self.claims.items()) if claims else None
        return self.event(events.ReadDone(number=self.state.read_number, leases=leases, claims=found))

    def store_lease(self, *, nonce: str | None = None) -> int:
        """Let the bucket have the own lease, as the last write would."""
        self.revision += 1
        self.own = Lease(LeaseRecord(member=ME, nonce=nonce or self.state.nonce), self.revision)
        return self.revision

    def renewed(self, *, sent_at: float | None = None) -> list[events.Effect]:
        """Answer a renewal with success."""
        sent = self.now if sent_at is None else sent_at
        revision = self.store_lease()
        return self.event(events.LeaseWritten(nonce=self.state.nonce, sent_at=sent, revision=revision))

    def pass_time(self, seconds: float) -> list[events.Effect]:
        """Let time pass with a renewal and a full read each second; give all effects."""
        effects = []
        for _ in range(round(seconds)):
            effects += self.tick(1.0)
            effects += self.renewed()
            effects += self.read()
        return effects

    def peer(self, name: str, *, nonce: str = "p", state: str = "Live") -> Lease:
        """Let the bucket have (or change) a peer's lease."""
        self.revision += 1
        lease = Lease(LeaseRecord.model_validate({"member": name, "nonce": nonce, "state": state}), self.revision)
        self.peers = [other for other in self.peers if other.record.member != name] + [lease]
        return lease

    def claim(self, shard: int, *, member: str, nonce: str, released: bool = False) -> Claim:
        """Let the bucket have a claim."""
        self.revision += 1
        self.claims[shard] = Claim(ClaimRecord(member=member, nonce=nonce, released=released), self.revision)
        return self.claims[shard]

    def take(self, effects: list[events.Effect]) -> list[events.Effect]:
        """Let every claim that is asked for be stored."""
        answers: list[events.Effect] = []
        for effect in effects:
            if isinstance(effect, events.TakeClaim):
                claim = self.claim(effect.shard, member=ME, nonce=effect.nonce)
                taken = events.ClaimTaken(nonce=effect.nonce, shard=effect.shard, revision=claim.revision)
                answers += self.event(taken)
        return answers


def joined() -> Driven:
    """Give a member with a lease and no claims."""
    driven = Driven()
    driven.tick()
    driven.read()
    driven.tick()
    driven.renewed()
    driven.read()
    return driven


def owner_of_all() -> Driven:
    """Give the only member of a pool, which owns every shard."""
    driven = joined()
    driven.take(driven.pass_time(4))
    assert driven.held == set(range(SHARDS))
    return driven
