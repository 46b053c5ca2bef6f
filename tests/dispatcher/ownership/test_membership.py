"""Members over a real nats-server: shares, outages, hand-over, and a process that is stopped and believes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.members import SHARD_COUNT, LeaseRecord
from jethook_contract.names import lease_key, members_bucket
from jethook_dispatcher.core.ownership_state import LossReason
from jethook_dispatcher.shell.membership import Membership, MembershipSettings, monotonic_seconds
from jethook_dispatcher.shell.membership_connection import Link
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.component

POOL = "default"
ALL = frozenset(range(SHARD_COUNT))


class Node:
    """One member in this process, with what it was told."""

    def __init__(self, membership: Membership, *, told: list[tuple[str, int]]) -> None:
        self.membership = membership
        self.told = told


async def test_two_members_share_and_no_outage_gives_a_shard_two_owners(nats_server: NatsServer) -> None:
    async with node(nats_server, name="first") as first, node(nats_server, name="second") as second:
        await until(lambda: shared(first, second), seconds=20)
        async with watched(first, second) as seen:
            await nats_server.away(5)
            await until(lambda: shared(first, second), seconds=20)

            tokens = (first.membership.token, second.membership.token)
            nats_server.kill()
            await until(lambda: not first.membership.owned and not second.membership.owned, seconds=9)
            await asyncio.sleep(12)  # the rest of 20 s away: what must happen then is nothing
            assert not first.membership.owned
            await asyncio.to_thread(nats_server.start)
            await until(lambda: shared(first, second), seconds=25)
        assert seen["twice"] == 0
        assert seen["samples"] > 1000
        assert first.membership.token not in tokens
        told = {what for what, _ in first.told}
        assert "Lapsed" in told
        assert "Fenced" not in told


async def test_a_graceful_leave_hands_all_over_within_seconds(nats_server: NatsServer) -> None:
    async with node(nats_server, name="first") as first, node(nats_server, name="second") as second:
        await until(lambda: shared(first, second), seconds=20)
        had = first.membership.owned
        async with watched(first, second) as seen:
            await asyncio.wait_for(first.membership.leave(), 3)
            assert {shard for what, shard in first.told if what == "Released"} == had
            assert await lease_of(nats_server, "first") == ("Left", 7)
            await until(lambda: second.membership.owned == ALL, seconds=6)
        assert seen["twice"] == 0


async def test_a_released_shard_stays_put_until_it_is_drained(nats_server: NatsServer) -> None:
    drained = asyncio.Event()
    async with node(nats_server, name="first", drained=drained) as first:
        await until(lambda: first.membership.owned == ALL, seconds=15)
        async with node(nats_server, name="second") as second:
            await until(lambda: len(first.membership.owned) < SHARD_COUNT, seconds=10)
            given_up = ALL - first.membership.owned
            await asyncio.sleep(2)  # time enough to take what would be released too early
            assert not second.membership.owned
            assert all(first.membership.holds(shard) and not first.membership.may_start(shard) for shard in given_up)
            drained.set()
            await until(lambda: second.membership.owned == given_up, seconds=5)
            assert not any(first.membership.holds(shard) for shard in given_up)


async def test_a_stopped_process_that_wakes_believing_starts_nothing(nats_server: NatsServer, tmp_path: Path) -> None:
    logs = {name: tmp_path / f"{name}.log" for name in ("first", "second")}
    async with (
        child(nats_server, "first", log=logs["first"]) as first,
        child(nats_server, "second", log=logs["second"]),
    ):
        await until(lambda: all(len(shards_since(log, seconds=0.5)) >= 100 for log in logs.values()), seconds=30)
        believed = shards_since(logs["first"], seconds=0.5)
        stopped_at = monotonic_seconds()
        os.kill(first.pid, signal.SIGSTOP)
        await until(lambda: shards_since(logs["second"], seconds=0.5) == ALL, seconds=20)
        await asyncio.sleep(max(0.0, stopped_at + 20 - monotonic_seconds()))
        os.kill(first.pid, signal.SIGCONT)
        woken_at = monotonic_seconds()
        await until(lambda: shards_since(logs["first"], seconds=0.5) == believed, seconds=20)
    starts = {name: started(log) for name, log in logs.items()}
    assert not [at for _, at in starts["first"] if woken_at - 0.1 < at < woken_at + 2]
    worked = turns(starts["first"], starts["second"])
    assert set(worked) == ALL
    # One turn before the stop, one after; two that work at once would take many turns, a stale start one more.
    assert all(taken.count("1") <= 2 and taken.count("2") <= 2 for taken in worked.values()), worked
    assert all(worked[shard].endswith("121") for shard in believed)


def turns(first: list[tuple[int, float]], second: list[tuple[int, float]]) -> dict[int, str]:
    """Tell for each shard in what turns the two worked on it, such as "121": first, second, first."""
    workers: dict[int, str] = defaultdict(str)
    for _, shard, who in sorted([(at, shard, "1") for shard, at in first] + [(at, shard, "2") for shard, at in second]):
        if not workers[shard].endswith(who):
            workers[shard] += who
    return workers


def started(log: Path) -> list[tuple[int, float]]:
    if not log.exists():
        return []
    lines = [line.split() for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [(int(shard), float(at)) for shard, at in lines]


def shards_since(log: Path, *, seconds: float) -> frozenset[int]:
    since = monotonic_seconds() - seconds
    return frozenset(shard for shard, at in started(log) if at >= since)


def shared(first: Node, second: Node) -> bool:
    one, two = first.membership.owned, second.membership.owned
    return len(one) >= 100 and len(two) >= 100 and one | two == ALL


async def until(condition: Callable[[], bool], *, seconds: float) -> None:
    await eventually(condition, seconds=seconds, every_seconds=0.1)


@asynccontextmanager
async def watched(first: Node, second: Node) -> AsyncIterator[dict[str, int]]:
    """Count the moments (every 10 ms, all shards) and those at which both may start for one shard."""
    seen = {"samples": 0, "twice": 0}

    async def sample() -> None:
        while True:
            twice = first.membership.owned & second.membership.owned
            seen["samples"] += 1
            seen["twice"] += bool(twice)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(sample())
    try:
        yield seen
    finally:
        task.cancel()


@asynccontextmanager
async def node(server: NatsServer, *, name: str, drained: asyncio.Event | None = None) -> AsyncIterator[Node]:
    told: list[tuple[str, int]] = []

    async def lose(shard: int, reason: LossReason) -> None:
        told.append((reason.value, shard))
        if drained is not None and reason is LossReason.RELEASED:
            await drained.wait()

    hooks = ConnectionHooks()
    client = await connect(ConnectionSettings(servers=(server.url,)), hooks=hooks)
    membership = Membership(
        [Link(client, hooks)],
        settings=MembershipSettings(member=name, pool=POOL),
        on_gain=lambda shard: told.append(("gained", shard)),
        on_lose=lose,
        utilization=lambda: 7,
    )
    task = asyncio.create_task(membership.run())
    try:
        yield Node(membership, told=told)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()


@asynccontextmanager
async def child(server: NatsServer, name: str, *, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    script = Path(__file__).with_name("pool_member.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), server.url, name, str(log), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def lease_of(server: NatsServer, member: str) -> tuple[str, int]:
    async with await nats.connect(server.url) as client:
        bucket = await client.jetstream().key_value(members_bucket(POOL))
        entry = await bucket.get(lease_key(member))
        assert "version" in json.loads(entry.value or b"{}")
        record = LeaseRecord.decode(entry.value or b"")
        return (record.state, record.utilization_percent)
