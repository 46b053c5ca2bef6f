"""How soon the API server shows that 2,000 endpoints have turned, all at once, and what it is asked to write for it.

Real objects, each endpoint with one Subscription, all delivering. Then the receiver answers 500, and every endpoint
gets ten events: the ten failures in a row that make it `Failing`, and with their second attempts its circuit opens.
Afterwards a second dispatcher takes its part of the shards, and the receiver answers 200 again: each circuit closes
with its next probe, 10 s later at most. The time counts from the receiver's turn until the last object is shown, and
every change of an object that the watches bring is a write.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.installation import Lane
from bench.machine import cpu_seconds, resident_mebibytes
from bench.measures import excess, percentile
from bench.processes import process
from bench.results import Result
from bench.rig import Rig, rig
from bench.status_cluster import ENDPOINTS, SUBSCRIPTIONS, Cluster, running_cluster
from bench.status_receiver import Answering, answering
from jethook_contract.members import SHARD_COUNT
from jethook_contract.target import BreakerPolicy, Limits
from tests.fixtures.poll import eventually

COUNT = 2000
NAMESPACES = 4
MOST_SECONDS = 100.0
PER_SECOND = 25
BURST = 25
JITTER_WRITES = 8  # what the budget lets go may arrive together: the writer has eight requests out at once
_QUICK_COUNT = 200
_EVENTS = 10
_BREAKER = BreakerPolicy(open_seconds=10, max_open_seconds=10, slow_start_seconds=5)
_PATIENCE_SECONDS = 400.0
_QUIET_SECONDS = 20.0
_BOUND = (
    f"all endpoints shown within {MOST_SECONDS:.0f} s of the turn; {PER_SECOND} writes/s with a burst of {BURST} kept"
    f" over any length of time ({JITTER_WRITES} writes of jitter allowed); no write at rest"
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of one turn: seconds until the last endpoint and the last Subscription were shown, and figures."""

    endpoints_seconds: float
    figures: dict[str, object]


async def measure(*, quick: bool) -> Result:
    """Run the scenario; about nine minutes."""
    count = _QUICK_COUNT if quick else COUNT
    namespaces = [f"bench-{number}" for number in range(NAMESPACES)]
    with tempfile.TemporaryDirectory(prefix="jethook-bench-") as folder:
        async with (
            running_cluster(Path(folder)) as cluster,
            rig(dispatchers=0, namespaces=namespaces) as made,
            answering() as receiver,
        ):
            run = _Run(made, cluster=cluster, receiver=receiver)
            await run.lay(namespaces, count=count)
            async with cluster.watched():
                return await run.phases()


class _Run:
    """One installation in one cluster."""

    def __init__(self, made: Rig, *, cluster: Cluster, receiver: Answering) -> None:
        self._made = made
        self._cluster = cluster
        self._receiver = receiver
        self._lanes: list[Lane] = []

    async def lay(self, namespaces: Sequence[str], *, count: int) -> None:
        """Make the objects, and lay their plan as the operator would, with their UIDs."""
        url = self._receiver.url
        for number, namespace in enumerate(namespaces):
            names = [f"e{one}" for one in range(number, count, len(namespaces))]
            for name, uids in (await self._cluster.create(namespace, names, url=url)).items():
                lane = Lane(namespace=namespace, name=name, url=url, limits=Limits(), breaker=_BREAKER)
                self._lanes.append(replace(lane, endpoint_uid=uids[0], subscription_uid=uids[1]))
        await self._made.installation.lay(self._lanes)

    async def phases(self) -> Result:
        """Deliver, rest, turn, and turn again with a second dispatcher."""
        first = await self._turn(answer=200, status="True", events=1, member="bench-0")
        rest = await self._rest()
        failing = await self._turn(answer=500, status="False", events=_EVENTS)
        healthy = await self._turn(answer=200, status="True", events=0, member="bench-1")
        writes = self._cluster.writes()
        over = excess(writes, per_second=PER_SECOND, burst=BURST)
        figures: dict[str, object] = {
            "endpoints": len(self._lanes),
            "first_report": first.figures,
            "rest": rest,
            "failing": failing.figures,
            "healthy_with_two_dispatchers": healthy.figures,
            "writes": len(writes),
            "writes_over_budget": round(over, 1),
            "rss_mb": [round(resident_mebibytes(pid), 1) for pid in self._made.dispatchers.values()],
            **await self._cluster.applies(),
        }
        shown = max(failing.endpoints_seconds, healthy.endpoints_seconds) <= MOST_SECONDS
        return Result(ok=shown and over <= JITTER_WRITES and rest["writes"] == 0, bound=_BOUND, figures=figures)

    async def _turn(self, *, answer: int, status: str, events: int, member: str | None = None) -> Turn:
        """Change what the receiver answers, and wait until every object shows it; `member` is started before."""
        if member is not None and self._made.dispatchers:
            await self._start(member)
        before, began, cpu = len(self._cluster.writes()), time.monotonic(), self._cpu()
        self._receiver.status, self._receiver.requests = answer, 0
        await self._made.installation.fill(self._lanes, count=events * len(self._lanes))
        published = time.monotonic() - began
        if member is not None and not self._made.dispatchers:
            began = time.monotonic()
            await self._start(member)
        shown = {kind: await self._shown(kind, status=status) for kind in (ENDPOINTS, SUBSCRIPTIONS)}
        passed, writes = time.monotonic() - began, self._cluster.writes()[before:]
        endpoints, subscriptions = ([at - began for at in shown[kind]] for kind in (ENDPOINTS, SUBSCRIPTIONS))
        figures: dict[str, object] = {
            "endpoints_seconds": round(max(endpoints), 1),
            "endpoints_p50_seconds": round(percentile(endpoints, 50), 1),
            "subscriptions_seconds": round(max(subscriptions), 1),
            "published_seconds": round(published, 1),
            "requests": self._receiver.requests,
            "writes": len(writes),
            "writes_a_second": round(len(writes) / passed, 1),
            "most_writes_in_10_s": most(writes, seconds=10),
            "dispatchers_cpu_percent": round((self._cpu() - cpu) / passed * 100, 1),
        }
        return Turn(max(endpoints), figures)

    async def _rest(self) -> dict[str, object]:
        """Wait until nothing was written for a while, then count the writes of another while."""
        began = time.monotonic()
        await self._until(lambda: time.monotonic() - max(began, self._cluster.writes()[-1]) > _QUIET_SECONDS)
        passed, before, cpu = time.monotonic() - began, len(self._cluster.writes()), self._cpu()
        await asyncio.sleep(_QUIET_SECONDS)
        return {
            "quiet_after_seconds": round(passed - _QUIET_SECONDS, 1),
            "seconds": _QUIET_SECONDS,
            "writes": len(self._cluster.writes()) - before,
            "cpu_percent": round((self._cpu() - cpu) / _QUIET_SECONDS * 100, 1),
        }

    async def _shown(self, kind: str, *, status: str) -> list[float]:
        """Wait until all objects of a kind show the status, and give since when each does."""
        shown = self._cluster.shown[kind]
        await self._until(lambda: len(shown.since(status)) == len(self._lanes))
        return shown.since(status)

    async def _start(self, member: str) -> None:
        """Start a dispatcher that writes to the cluster too, and wait until all have a part of the shards."""
        made = self._made
        where = ("--nats", made.url, "--kubernetes", "--kubeconfig", str(self._cluster.kubeconfig))
        command = ("-m", "jethook_cli", "dispatcher", *where, "--plan-key", str(made.keys), "--member", member)
        child = await made.stack.enter_async_context(process(*command, log=made.log))
        made.dispatchers[member] = child.pid
        await self._until(self._shared)

    async def _until(self, probe: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
        try:
            await eventually(probe, seconds=_PATIENCE_SECONDS, every_seconds=0.5)
        except AssertionError as exc:
            raise TimeoutError(f"not within {_PATIENCE_SECONDS:.0f} s\n{self._made.log.read_text()[-3000:]}") from exc

    async def _shared(self) -> bool:
        holders = await self._made.installation.holders()
        least = SHARD_COUNT / len(self._made.dispatchers) / 3
        return len(holders) == SHARD_COUNT and all(holders.count(one) >= least for one in self._made.dispatchers)

    def _cpu(self) -> float:
        return sum(cpu_seconds(pid) for pid in self._made.dispatchers.values())


def most(times: Sequence[float], *, seconds: float) -> int:
    """Give the most of `times`, which are in order, in any stretch of so many seconds."""
    return max((number + 1 - bisect_left(times, at - seconds) for number, at in enumerate(times)), default=0)
