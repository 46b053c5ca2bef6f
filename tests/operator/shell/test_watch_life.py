"""A watch is dead when nothing is seen of it for long while the API server answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jethook_operator.core.resources import Kind
from jethook_operator.shell.watch_life import DEAD_SECONDS, SERVER_SECONDS, WatchLife
from jethook_operator.shell.workqueue import WorkQueue

KINDS: tuple[Kind, ...] = ("Subscription", "Secret")


class Bench:
    """A life whose clock, and the time of the server's last answer, are set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.answered_at = 0.0
        self.life = WatchLife(KINDS, answered_at=lambda: self.answered_at, clock=lambda: self.now)

    def later(self, seconds: float, *, answered: bool = True) -> None:
        self.now += seconds
        if answered:
            self.answered_at = self.now


def test_nothing_is_dead_before_it_is_watched() -> None:
    bench = Bench()
    bench.later(10 * DEAD_SECONDS)
    assert bench.life.dead() == ()
    assert bench.life.ages() == {}


def test_a_watch_without_a_sign_is_dead_and_the_other_is_not() -> None:
    bench = Bench()
    bench.life.begin()
    for _ in range(4):
        bench.later(SERVER_SECONDS)
        bench.life.saw("Secret")
    assert bench.life.dead() == ("Subscription",)
    assert bench.life.ages() == {"Subscription": 4 * SERVER_SECONDS, "Secret": 0.0}
    bench.life.saw("Subscription")
    assert bench.life.dead() == ()


def test_an_api_server_that_is_away_kills_no_watch() -> None:
    bench = Bench()
    bench.life.begin()
    bench.later(10 * DEAD_SECONDS, answered=False)
    assert bench.life.dead() == ()
    bench.later(1.0)
    assert bench.life.dead() == KINDS


@pytest.mark.looptime
async def test_a_queue_is_stalled_from_the_last_end_of_a_run_while_something_waits() -> None:
    hung = asyncio.Event()

    async def work(key: str) -> None:
        await (asyncio.sleep(5) if key == "quick" else hung.wait())

    queue: WorkQueue[Any] = WorkQueue(work, workers=1, random=lambda: 0.0)
    running = asyncio.create_task(queue.run())
    await asyncio.sleep(100)
    assert queue.stalled_seconds == 0
    for key in ("quick", "hangs", "waits"):
        queue.add(key)
    await asyncio.sleep(50)
    assert queue.stalled_seconds == pytest.approx(45)
    assert queue.oldest_seconds == pytest.approx(50)
    hung.set()
    await asyncio.sleep(1)
    assert queue.stalled_seconds == 0
    queue.stop()
    await running
