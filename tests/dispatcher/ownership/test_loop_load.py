"""The utilisation that a lease tells: what the process could do more, not what the machine let it do."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator

import pytest

from jethook_dispatcher.shell.clock import LoopLoad

SECONDS = 1.0
PROCESSES = multiprocessing.get_context("spawn")


def work() -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        pass


def rest() -> None:
    time.sleep(SECONDS)


def half() -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done = time.thread_time() + 0.01
        while time.thread_time() < done:
            pass
        time.sleep(0.01)


def occupy() -> None:
    """Take the one CPU that the parent may use."""
    while True:
        pass


@pytest.fixture
def one_cpu_for_two() -> Iterator[None]:
    """Put this process on one CPU, together with another that never rests."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    other = PROCESSES.Process(target=occupy, daemon=True)
    other.start()
    yield
    other.kill()
    other.join()
    other.close()
    os.sched_setaffinity(0, before)


def told(doing: Callable[[], None]) -> int:
    load = LoopLoad()
    doing()
    return load.percent()


def test_a_loop_that_never_rests_is_busy_all_the_time() -> None:
    assert told(work) >= 97


def test_a_loop_that_only_waits_is_idle() -> None:
    assert told(rest) < 10


def test_a_loop_that_rests_half_the_time_is_busy_for_the_rest_of_it() -> None:
    assert told(half) >= 35


@pytest.mark.usefixtures("one_cpu_for_two")
def test_a_loop_that_gets_half_a_cpu_and_wants_more_is_busy_all_the_time() -> None:
    """CPU time alone would say 50 %, and the pool would never grow."""
    began = time.thread_time()
    percent = told(work)
    assert time.thread_time() - began < 0.9 * SECONDS, "this test had the CPU for itself and shows nothing"
    assert percent >= 97


def test_each_look_is_at_the_time_since_the_last() -> None:
    load = LoopLoad()
    work()
    load.percent()
    rest()
    assert load.percent() < 10
