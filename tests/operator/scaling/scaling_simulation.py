"""A pool in virtual time: load curves in, the number of dispatchers out.

Dispatchers start late, get their shards later still, and tell their utilisation as it was two seconds ago; endpoints
have limits, or are dead. What the operator sees goes through the code that reads it from NATS figures.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from jethook_contract.members import shard_of
from jethook_operator.core.scaling import ScalingMemory, ScalingPolicy, decide_replicas
from jethook_operator.core.scaling_load import ConsumerFigures, EndpointLook, Standing, load_of

EVENTS_PER_SECOND = 2000.0  # that one dispatcher can do
START_SECONDS = 15
SETTLE_SECONDS = 4
LEASE_SECONDS = 2
LOOK_SECONDS = 5
NOISE_PERCENT = 6

Curve = Callable[[int], float]
"""Load at a second, in dispatchers that would be at work all the time for it."""


@dataclass
class Receiver:
    """One endpoint: `share` of the load is for it; `limit` bounds its events a second, 0 when it is dead."""

    name: str
    share: float
    limit: float | None = None
    backlog: float = 0.0
    handed_out: float = 0.0
    held_back: bool = False

    @property
    def shard(self) -> int:
        return shard_of("shop", self.name)


@dataclass
class Member:
    name: str
    started_at: int
    percent: int = 0
    told_percent: int = 0


@dataclass
class Run:
    """What came out: `replicas` at each second; `changes` as (second, from, to); `backlogs` at each second."""

    replicas: list[int] = field(default_factory=list)
    backlogs: list[float] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def changes(self) -> list[tuple[int, int, int]]:
        return [(at, old, new) for at, (old, new) in enumerate(pairwise(self.replicas), 1) if old != new]

    @property
    def turns(self) -> int:
        """Count the changes of direction: once up and once down is one."""
        directions = [new > old for _, old, new in self.changes]
        return sum(one != other for one, other in pairwise(directions))

    def reached(self, replicas: int, *, after: int) -> int:
        """Give the seconds after a moment until at least so many were asked for; raises StopIteration when never."""
        return next(at for at in range(after, len(self.replicas)) if self.replicas[at] >= replicas) - after


class Simulation:
    """One pool; `run` plays a curve."""

    def __init__(
        self, receivers: Sequence[Receiver], *, policy: ScalingPolicy, replicas: int = 1, seed: int = 7
    ) -> None:
        self._receivers = receivers
        self._policy = policy
        self._random = random.Random(seed)  # noqa: S311 -- a simulation
        self._memory = ScalingMemory()
        self._desired = replicas
        self._members = [Member(f"m{number}", -100) for number in range(replicas)]
        self._before: dict[str, ConsumerFigures] = {}
        self._number = replicas
        self._owners: list[str] = []
        self._owned: dict[str, list[Receiver]] = {}

    def run(self, curve: Curve, *, seconds: int) -> Run:
        """Play so many seconds."""
        run = Run()
        for second in range(seconds):
            self._live(second, load=curve(second))
            if second % LEASE_SECONDS == 0:
                for member in self._members:
                    member.told_percent = member.percent
            if second % LOOK_SECONDS == 0:
                run.reasons[self._look(second)] += 1
            run.replicas.append(self._desired)
            run.backlogs.append(sum(one.backlog for one in self._receivers))
        return run

    def _live(self, second: int, *, load: float) -> None:
        owners = [one for one in self._members if second - one.started_at >= START_SECONDS + SETTLE_SECONDS]
        for receiver in self._receivers:
            receiver.backlog += load * EVENTS_PER_SECOND * receiver.share
            receiver.held_back = False
        if [one.name for one in owners] != self._owners:
            self._owners = [one.name for one in owners]
            self._owned = _shared_out(self._receivers, self._owners)
        for member in self._members:
            member.percent = self._work(self._owned.get(member.name, []))

    def _work(self, receivers: Sequence[Receiver]) -> int:
        """Deliver a second's worth for one member; give its utilisation."""
        wanted = {one.name: one.backlog if one.limit is None else min(one.backlog, one.limit) for one in receivers}
        total = sum(wanted.values())
        share = min(1.0, EVENTS_PER_SECOND / total) if total else 0.0
        for one in receivers:
            sent = wanted[one.name] * share
            one.held_back = one.limit is not None and one.backlog > one.limit
            one.backlog -= sent
            one.handed_out += sent
        used = 100 * min(1.0, total / EVENTS_PER_SECOND)
        return max(0, min(100, round(used + self._random.gauss(0, NOISE_PERCENT) * (used > 0))))

    def _look(self, second: int) -> str:
        live = [one for one in self._members if second - one.started_at >= START_SECONDS]
        figures = {
            one.name: ConsumerFigures(
                pending=int(one.backlog), handed_out=int(one.handed_out), stream_sequence=int(one.handed_out)
            )
            for one in self._receivers
        }
        load = load_of(
            {
                one.name: EndpointLook(shard=one.shard).with_consumer(
                    figures[one.name], before=self._before.get(one.name)
                )
                for one in self._receivers
            },
            standings={one.name: Standing(gated=one.held_back or one.limit == 0) for one in self._receivers},
            owner_percents={},
            members=[one.told_percent for one in live],
            target_percent=self._policy.target_utilization_percent,
            seconds=LOOK_SECONDS if self._before else 0.0,
        )
        self._before = figures
        decision = decide_replicas(
            policy=self._policy, load=load, current=self._desired, memory=self._memory, now=float(second)
        )
        self._memory = decision.memory
        self._scale(decision.replicas, second=second)
        return decision.reason

    def _scale(self, replicas: int, *, second: int) -> None:
        self._desired = replicas
        while len(self._members) < replicas:
            self._number += 1
            self._members.append(Member(f"m{self._number}", second))
        del self._members[replicas:]


def many(count: int = 50) -> list[Receiver]:
    """Give endpoints that share the load evenly."""
    return [Receiver(f"endpoint-{number}", 1 / count) for number in range(count)]


def with_one(receiver: Receiver, *, others: float) -> list[Receiver]:
    """Give this endpoint, and twenty that share the rest of the load."""
    return [receiver, *(replace(one, share=others / 20) for one in many(20))]


def _shared_out(receivers: Sequence[Receiver], owners: Sequence[str]) -> dict[str, list[Receiver]]:
    """Give each receiver to the member to which its shard belongs."""
    owned: dict[str, list[Receiver]] = {owner: [] for owner in owners}
    for receiver in receivers if owners else ():
        weights = {_weight(owner, receiver.shard): owner for owner in owners}
        owned[weights[max(weights)]].append(receiver)
    return owned


def _weight(member: str, shard: int) -> bytes:
    return hashlib.blake2b(f"{member}/{shard}".encode(), digest_size=8).digest()
