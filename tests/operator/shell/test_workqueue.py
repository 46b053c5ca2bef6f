"""The work queue under virtual time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.errors import Unavailable
from jethook_operator.shell.workqueue import BackOff, WorkQueue

pytestmark = pytest.mark.looptime


class Work:
    """Record runs; take `seconds` for each; fail while `failures` last."""

    def __init__(self, *, seconds: float = 0.0, failures: int = 0, again: float | None = None) -> None:
        self.seconds = seconds
        self.failures = failures
        self.again = again
        self.value = 0
        self.seen: list[tuple[float, str, int]] = []
        self.active: defaultdict[str, int] = defaultdict(int)
        self.overlaps = 0

    async def __call__(self, key: str) -> float | None:
        self.active[key] += 1
        self.overlaps += self.active[key] > 1
        self.seen.append((asyncio.get_running_loop().time(), key, self.value))
        await asyncio.sleep(self.seconds)
        self.active[key] -= 1
        if self.failures > 0:
            self.failures -= 1
            raise Unavailable("NotNow", "the outside is away")
        return self.again


@asynccontextmanager
async def running(work: Work, *, workers: int = 4) -> AsyncIterator[WorkQueue[str]]:
    queue = WorkQueue(work, workers=workers, random=lambda: 0.0, back_off=BackOff(base_seconds=1, max_seconds=8))
    task = asyncio.create_task(queue.run())
    yield queue
    queue.stop()
    await task


def times(work: Work) -> list[float]:
    return [round(when - work.seen[0][0], 3) for when, _, _ in work.seen]


async def test_a_key_that_waits_is_not_queued_twice() -> None:
    work = Work(seconds=1)
    async with running(work, workers=1) as queue:
        for key in ("a", "b", "b", "b"):
            queue.add(key)
        await asyncio.sleep(10)
    assert [key for _, key, _ in work.seen] == ["a", "b"]
    assert queue.counters.deduplicated == 2


async def test_a_key_in_work_runs_again_after_and_sees_the_latest_change() -> None:
    work = Work(seconds=5)
    async with running(work) as queue:
        queue.add("a")
        for value in (1, 2, 3):
            await asyncio.sleep(1)
            work.value = value
            queue.add("a")
        await asyncio.sleep(20)
    assert [value for _, _, value in work.seen] == [0, 3]
    assert times(work) == [0, 5]
    assert work.overlaps == 0


async def test_many_workers_never_take_one_key_at_once() -> None:
    work = Work(seconds=0.7)
    async with running(work, workers=8) as queue:
        for number in range(200):
            queue.add("abc"[number % 3])
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)
    assert work.overlaps == 0
    assert queue.idle


async def test_other_keys_go_on_while_one_hangs() -> None:
    work = Work()
    hang = asyncio.Event()

    async def one_hangs(key: str) -> float | None:
        if key == "hung":
            await hang.wait()
        return await work(key)

    queue = WorkQueue(one_hangs, workers=2, random=lambda: 0.0)
    task = asyncio.create_task(queue.run())
    for key in ("hung", "x", "y", "z"):
        queue.add(key)
    await asyncio.sleep(1)
    assert [key for _, key, _ in work.seen] == ["x", "y", "z"]
    hang.set()
    queue.stop()
    await task


async def test_errors_back_off_to_the_maximum_and_success_resets() -> None:
    work = Work(failures=6)
    async with running(work) as queue:
        queue.add("a")
        await asyncio.sleep(60)
        assert times(work) == [0, 1, 3, 7, 15, 23, 31]
        work.seen.clear()
        work.failures = 2
        queue.add("a")
        await asyncio.sleep(60)
    assert times(work) == [0, 1, 3]


async def test_a_change_does_not_wait_for_the_back_off() -> None:
    work = Work(failures=5)
    async with running(work) as queue:
        queue.add("a")
        await asyncio.sleep(4)
        queue.add("a")
        await asyncio.sleep(0.5)
    assert times(work) == [0, 1, 3, 4]


async def test_requeue_seconds_bring_the_key_back() -> None:
    work = Work(again=10)
    async with running(work) as queue:
        queue.add("a")
        await asyncio.sleep(35)
    assert times(work) == [0, 10, 20, 30]


async def test_of_two_delays_the_earlier_counts_and_only_once() -> None:
    work = Work()
    async with running(work) as queue:
        start = asyncio.get_running_loop().time()
        queue.add_after("a", seconds=9)
        queue.add_after("a", seconds=3)
        queue.add_after("a", seconds=7)
        await asyncio.sleep(30)
    assert [round(when - start, 3) for when, _, _ in work.seen] == [3]


async def test_stop_finishes_what_is_in_work_and_starts_nothing_more() -> None:
    work = Work(seconds=5)
    queue = WorkQueue(work, workers=1, random=lambda: 0.0)
    task = asyncio.create_task(queue.run())
    queue.add("a")
    queue.add("b")
    queue.add_after("c", seconds=1)
    await asyncio.sleep(1)
    queue.stop()
    queue.add("d")
    await task
    assert [key for _, key, _ in work.seen] == ["a"]
    assert work.active["a"] == 0


@pytest.mark.looptime(False)
@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_delay_stays_within_its_bounds(errors: int, random: float) -> None:
    delay = BackOff().delay(errors, random=random)
    assert 0.005 <= delay <= 30 * 1.1
