"""Name look-ups: cached, shared, and isolated from one another."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter

import pytest

from jethook_dispatcher.shell import resolver as resolver_module
from jethook_dispatcher.shell.resolver import CachingResolver, Resolved
from tests.fixtures.poll import eventually

ONE = Resolved(((socket.AF_INET, "192.0.2.1"),), ttl_seconds=30)


class Names:
    """Answer look-ups with `answers`; names in `hanging` never come back, others that are missing fail."""

    def __init__(self, **answers: Resolved) -> None:
        self.answers = answers
        self.hanging: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.now = 0.0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, host: str) -> Resolved:
        self.asked[host] += 1
        if host in self.hanging:
            await asyncio.Event().wait()
        await self.gate.wait()
        if host not in self.answers:
            raise OSError(None, "no such name")
        return self.answers[host]

    def clock(self) -> float:
        return self.now


def caching(names: Names, *, timeout_seconds: float = 5.0) -> CachingResolver:
    return CachingResolver(names, clock=names.clock, timeout_seconds=timeout_seconds)


async def test_callers_at_once_share_one_look_up() -> None:
    names = Names(good=ONE)
    resolver = caching(names)
    results = await asyncio.gather(*(resolver.resolve("good", 443) for _ in range(50)))
    assert names.asked["good"] == 1
    assert {result[0]["host"] for result in results} == {"192.0.2.1"}


@pytest.mark.parametrize(("ttl_seconds", "held_seconds"), [(0, 5), (30, 30), (86400, 60)])
async def test_answer_is_remembered_for_its_bounded_ttl(ttl_seconds: int, held_seconds: int) -> None:
    names = Names(good=Resolved(ONE.addresses, ttl_seconds=ttl_seconds))
    resolver = caching(names)
    for now, asked in ((0, 1), (held_seconds - 0.1, 1), (held_seconds, 2)):
        names.now = now
        await resolver.resolve("good", 443)
        assert names.asked["good"] == asked


async def test_failure_reaches_all_who_wait_and_is_asked_again() -> None:
    names = Names()
    resolver = caching(names)
    results = await asyncio.gather(*(resolver.resolve("gone") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, OSError) for result in results)
    names.answers["gone"] = ONE
    assert await resolver.resolve("gone")
    assert names.asked["gone"] == 2


async def test_a_name_without_addresses_fails() -> None:
    resolver = caching(Names(empty=Resolved((), ttl_seconds=30)))
    with pytest.raises(OSError, match="no address"):
        await resolver.resolve("empty", 443)


async def test_hanging_names_delay_nobody_and_end_at_the_timeout() -> None:
    names = Names(good=ONE)
    names.hanging = {f"bad{number}" for number in range(100)}
    resolver = caching(names, timeout_seconds=0.2)
    waiting = [asyncio.create_task(resolver.resolve(name)) for name in names.hanging]
    await eventually(lambda: len(names.asked) == 100)
    await resolver.resolve("good")
    assert not any(task.done() for task in waiting)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, OSError) for result in results)


async def test_cancelled_caller_takes_the_look_up_from_nobody() -> None:
    names = Names(good=ONE)
    names.gate.clear()
    resolver = caching(names)
    first = asyncio.create_task(resolver.resolve("good"))
    await eventually(lambda: names.asked["good"])
    second = asyncio.create_task(resolver.resolve("good"))
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    names.gate.set()
    assert await second
    assert names.asked["good"] == 1


async def test_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "MAX_CACHED_NAMES", 2)
    names = Names(a=ONE, b=ONE, c=ONE)
    resolver = caching(names)
    for name in ("a", "b", "c", "c", "a"):
        await resolver.resolve(name)
    assert names.asked == {"a": 2, "b": 1, "c": 1}


async def test_family_is_filtered() -> None:
    both = Resolved(((socket.AF_INET6, "2001:db8::1"), (socket.AF_INET, "192.0.2.1")), ttl_seconds=30)
    resolver = caching(Names(both=both))
    assert [entry["host"] for entry in await resolver.resolve("both")] == ["2001:db8::1", "192.0.2.1"]
    assert [entry["host"] for entry in await resolver.resolve("both", family=socket.AF_INET)] == ["192.0.2.1"]


async def test_real_look_up_reads_the_hosts_file() -> None:
    resolver = CachingResolver()
    try:
        entries = await resolver.resolve("localhost", 80)
    finally:
        await resolver.close()
    assert {entry["host"] for entry in entries} & {"127.0.0.1", "::1"}


async def test_real_look_up_of_an_impossible_name_fails() -> None:
    resolver = CachingResolver()
    try:
        with pytest.raises(OSError, match="name"):
            await resolver.resolve("no-such-name.invalid", 80)
    finally:
        await resolver.close()
