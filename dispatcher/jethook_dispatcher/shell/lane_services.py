"""What all lanes of a process share, and what they need of others."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from nats.aio.client import Client

from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.attempt_counts import AttemptCounts
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.lane_acks import Acks
from jethook_dispatcher.shell.lane_held import ByteBudget, Held
from jethook_dispatcher.shell.lane_source import Source

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Runner(Protocol):
    """What a lane needs to have a message seen through."""

    async def run(self, source: Source, *, held: Held) -> None:
        """Make one attempt and answer the message."""


class CountStore(Protocol):
    """Where attempt counts are kept."""

    async def load(self, part: PlanPart) -> AttemptCounts:
        """Read a Subscription's counts; raises Unavailable."""

    async def save(self, part: PlanPart, *, counts: AttemptCounts) -> int:
        """Write changed counts; give the size in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneServices:
    """What all lanes of a process share. `spawn` starts a task that the process waits for at its end."""

    client: Client
    clock: Clock
    runner: Runner
    counts: CountStore
    acks: Acks
    budget: ByteBudget
    spawn: Spawn
