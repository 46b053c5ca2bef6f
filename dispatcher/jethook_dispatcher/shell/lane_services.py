"""What all lanes of a process share, and what they need of others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from nats.aio.client import Client

from jethook_contract.gate import GateRecord
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.attempt_counts import AttemptCounts
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.deadletters import Death
from jethook_dispatcher.shell.lane_acks import Acks
from jethook_dispatcher.shell.lane_handshake import Consent
from jethook_dispatcher.shell.lane_held import ByteBudget, Held
from jethook_dispatcher.shell.lane_pace import Pace
from jethook_dispatcher.shell.lane_reports import Reporter
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.lane_suspects import Suspects
from jethook_dispatcher.shell.lane_work import Work

LOADS_AT_ONCE = 50

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Runner(Protocol):
    """What a lane needs to have a parcel seen through."""

    async def run(self, work: Work) -> Outcome | None:
        """Make one attempt and answer the messages; give its outcome, None when nothing was sent."""

    async def bury(self, source: Source, *, held: Held, death: Death, stays: bool = False) -> bool:
        """Give an event up: store it as a dead letter, then end its message. False: it waits."""


class CountStore(Protocol):
    """Where attempt counts are kept."""

    async def load(self, part: PlanPart) -> AttemptCounts:
        """Read a Subscription's counts; raises Unavailable."""

    async def save(self, part: PlanPart, *, counts: AttemptCounts) -> int:
        """Write changed counts; give the size in bytes."""


class GateStore(Protocol):
    """Where it is kept what outlives an endpoint's owner."""

    async def load(self, namespace: str, endpoint: str) -> GateRecord | None:
        """Read an endpoint's record; raises Unavailable."""

    async def save(self, namespace: str, endpoint: str, *, record: GateRecord) -> None:
        """Write it; raises Unavailable."""


class ConsumerStates(Protocol):
    """Where it is asked what a consumer has handed out."""

    async def unacknowledged(self, part: PlanPart) -> int:
        """Count what was handed out and is not answered; raises Unavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneServices:
    """What all lanes of a process share. `spawn` starts a task that the process waits for at its end.

    `pace`: an attempt begins when it has a turn. `loads`: so many Subscriptions are loaded at once. Thousands that are
    gained together would hold up the event loop, and everything else that NATS is asked, for longer than a lease is
    good.
    """

    client: Client
    clock: Clock
    runner: Runner
    consent: Consent
    counts: CountStore
    gates: GateStore
    consumers: ConsumerStates
    reporter: Reporter
    acks: Acks
    budget: ByteBudget
    suspects: Suspects
    spawn: Spawn
    pace: Pace = field(default_factory=Pace)
    loads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOADS_AT_ONCE))
