"""A simulated pool: members with clocks of their own, one bucket, a network that delays and loses.

True time is the simulation's; each member sees `offset + rate * true`. The bucket is compare-and-set by revision, as
NATS is. After everything that happens, at each step of true time, no shard may have two valid owners.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from jethook_contract.members import ClaimRecord, LeaseRecord
from jethook_dispatcher.core import ownership_events as events
from jethook_dispatcher.core.ownership import step
from jethook_dispatcher.core.ownership_state import Claim, Lease, Phase, State, Timings

TICK_SECONDS = 0.25
ANSWER_SECONDS = 1.5


class TwoOwnersError(AssertionError):
    """Two members may start attempts for one shard at one moment."""


@dataclass
class Store:
    """The bucket: key -> (revision, record)."""

    revision: int = 0
    leases: dict[str, Lease] = field(default_factory=dict)
    claims: dict[int, Claim] = field(default_factory=dict)

    def write_lease(self, record: LeaseRecord, *, expected: int) -> int | None:
        found = self.leases.get(record.member)
        if (found.revision if found else 0) != expected:
            return None
        self.revision += 1
        self.leases[record.member] = Lease(record, self.revision)
        return self.revision

    def write_claim(self, shard: int, *, record: ClaimRecord, expected: int) -> int | None:
        found = self.claims.get(shard)
        if (found.revision if found else 0) != expected:
            return None
        self.revision += 1
        self.claims[shard] = Claim(record, self.revision)
        return self.revision


@dataclass(frozen=True)
class Network:
    """What the network does to a member's messages."""

    delay_seconds: float = 0.01
    lost_percent: int = 0
    up: bool = True


@dataclass
class Member:
    """A process: its belief, its clock, what waits to be processed."""

    state: State
    rate: float
    offset: float
    network: Network = field(default_factory=Network)
    running: bool = True
    ended: bool = False
    inbox: list[events.Event] = field(default_factory=list)

    def clock(self, true: float) -> float:
        return self.offset + self.rate * true


class Simulation:
    """Run members over one store; `advance` moves true time and checks after each thing that happens."""

    def __init__(self, *, members: int, shards: int, timings: Timings, random: Random, skew: float = 0.05) -> None:
        self.now = 0.0
        self.store = Store()
        self.server_up = True
        self.members: list[Member] = []
        self._random = random
        self._skew = skew
        self._shards = shards
        self._timings = timings
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        for number in range(members):
            self.start(f"m{number}")

    def start(self, name: str) -> None:
        """Start a process under this name."""
        rate = 1 + self._random.uniform(-self._skew, self._skew)
        state = State(member=name, timings=self._timings, shards=self._shards)
        member = Member(state=state, rate=rate, offset=self._random.uniform(-1e4, 1e4))
        self.members.append(member)
        self._at(self._random.uniform(0, TICK_SECONDS), lambda: self._tick(member))

    def advance(self, seconds: float) -> None:
        """Let true time pass."""
        end = self.now + seconds
        while self._agenda and self._agenda[0][0] <= end:
            self.now, _, happen = heapq.heappop(self._agenda)
            self.check()
            happen()
            self.check()
        self.now = end
        self.check()

    def check(self) -> None:
        """Raise TwoOwnersError if the one thing happened that must not; a stopped process counts by its own clock."""
        owner: dict[int, str] = {}
        for member in self.members:
            local = member.clock(self.now)
            if member.ended or local >= member.state.valid_until:
                continue
            for shard in member.state.holdings:
                if not member.state.may_start(shard, now=local):
                    continue
                if shard in owner:
                    raise TwoOwnersError(f"shard {shard} at {self.now:.2f}: {owner[shard]}, {member.state.member}")
                owner[shard] = member.state.member

    def owned(self) -> list[int]:
        """List the shards that may be worked on now, by running processes."""
        return sorted(
            shard
            for member in self.members
            if member.running and not member.ended
            for shard in range(self._shards)
            if member.state.may_start(shard, now=member.clock(self.now))
        )

    def network(self, member: Member, network: Network) -> None:
        """Change a member's network; it hears of the loss and the return of its connection."""
        was, member.network = member.network, network
        if was.up and not network.up:
            self._deliver(member, events.Disconnected())
        if network.up and not was.up:
            self._deliver(member, events.Connected())

    def resume(self, member: Member) -> None:
        """Wake a stopped process: first it handles what piled up."""
        member.running = True
        waiting, member.inbox = member.inbox, []
        for event in waiting:
            self._handle(member, event)

    def leave(self, member: Member) -> None:
        """Ask a process to leave."""
        self._deliver(member, events.LeaveRequested())

    def calm(self) -> None:
        """End all faults; stopped processes wake, crashed ones do not come back."""
        self.server_up = True
        for member in self.members:
            if member.ended:
                continue
            if not member.running:
                self.resume(member)
            self.network(member, Network())

    def _at(self, delay: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.now + delay, next(self._order), happen))

    def _tick(self, member: Member) -> None:
        if member.ended or member.state.phase is Phase.LEFT:
            return
        if member.running:
            self._handle(member, events.Tick(fresh_nonce=f"{member.state.member}-{next(self._order)}"))
        self._at(TICK_SECONDS, lambda: self._tick(member))

    def _deliver(self, member: Member, event: events.Event) -> None:
        if member.ended:
            return
        if member.running:
            self._handle(member, event)
        else:
            member.inbox.append(event)

    def _handle(self, member: Member, event: events.Event) -> None:
        member.state, effects = step(member.state, event, now=member.clock(self.now))
        for effect in effects:
            self._carry_out(member, effect)

    def _carry_out(self, member: Member, effect: events.Effect) -> None:
        match effect:
            case events.Drain(nonce=nonce, shard=shard):
                drained = events.Drained(nonce=nonce, shard=shard)
                self._at(self._random.uniform(0, 2), lambda: self._deliver(member, drained))
            case events.Gained() | events.Lost():
                pass
            case _:
                self._send(member, effect)

    def _send(self, member: Member, effect: events.Effect) -> None:
        """Send a request; it arrives late or never, and so does its answer; without one the member times out."""
        answered: list[bool] = []

        def answer(event: events.Event | None) -> None:
            if event is not None and not answered:
                answered.append(True)
                self._deliver(member, event)

        def arrive() -> None:
            if not self.server_up or not member.network.up:
                return
            event = self._serve(member, effect)
            if not self._lost(member):
                self._at(self._delay(member), lambda: answer(event))

        if not self._lost(member):
            self._at(self._delay(member), arrive)
        self._at(ANSWER_SECONDS, lambda: answer(_no_answer(effect)))

    def _lost(self, member: Member) -> bool:
        return not member.network.up or self._random.randrange(100) < member.network.lost_percent

    def _delay(self, member: Member) -> float:
        return self._random.uniform(0, 2 * member.network.delay_seconds)

    def _serve(self, member: Member, effect: events.Effect) -> events.Event | None:
        match effect:
            case events.WriteLease() | events.Fence():
                return self._serve_lease(member, effect)
            case events.Read(number=number, claims=claims):
                leases = tuple(lease for lease in self.store.leases.values() if self._random.randrange(50))
                found = tuple(self.store.claims.items()) if claims else None
                return events.ReadDone(number=number, leases=leases, claims=found)
            case events.TakeClaim() | events.ReleaseClaim():
                return self._serve_claim(member, effect)
        raise AssertionError(effect)

    def _serve_lease(self, member: Member, effect: events.WriteLease | events.Fence) -> events.Event | None:
        if isinstance(effect, events.Fence):
            fenced = effect.lease.record.model_copy(update={"state": "Fenced"})
            self.store.write_lease(fenced, expected=effect.lease.revision)
            return None
        state = "Left" if effect.left else "Live"
        record = LeaseRecord(member=member.state.member, nonce=effect.nonce, state=state)
        revision = self.store.write_lease(record, expected=effect.expected)
        if revision is None:
            return events.LeaseNotWritten(nonce=effect.nonce, wrong_revision=True)
        return events.LeaseWritten(nonce=effect.nonce, sent_at=effect.sent_at, revision=revision)

    def _serve_claim(self, member: Member, effect: events.TakeClaim | events.ReleaseClaim) -> events.Event | None:
        released = isinstance(effect, events.ReleaseClaim)
        claim = ClaimRecord(member=member.state.member, nonce=effect.nonce, released=released)
        revision = self.store.write_claim(effect.shard, record=claim, expected=effect.expected)
        if released:
            if revision is None:
                return None
            return events.ClaimReleased(nonce=effect.nonce, shard=effect.shard, revision=revision)
        if revision is None:
            return events.ClaimNotTaken(nonce=effect.nonce, shard=effect.shard)
        return events.ClaimTaken(nonce=effect.nonce, shard=effect.shard, revision=revision)


def seeded(seed: int) -> Random:
    """Give randomness that is the same for the same seed."""
    return Random(seed)  # noqa: S311 -- chooses faults, no secrets


def slowed(member: Member, *, random: Random) -> None:
    """Make a member's network slow and lossy."""
    member.network = replace(
        member.network, delay_seconds=random.choice([0.01, 0.3, 1.2]), lost_percent=random.choice([0, 20, 60])
    )


def _no_answer(effect: events.Effect) -> events.Event | None:
    match effect:
        case events.WriteLease(nonce=nonce):
            return events.LeaseNotWritten(nonce=nonce, wrong_revision=False)
        case events.Read(number=number):
            return events.ReadFailed(number=number)
        case events.TakeClaim(nonce=nonce, shard=shard):
            return events.ClaimNotTaken(nonce=nonce, shard=shard)
    return None
