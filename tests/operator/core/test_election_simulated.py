"""Candidates with clocks of their own, a network that loses and delays, pauses: never two leaders by true time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jethook_operator.core.election import (
    Candidate,
    ElectionSettings,
    Lease,
    Lost,
    Read,
    Wait,
    Write,
    failed,
    next_step,
    read,
    released,
    wrote,
)

SETTINGS = ElectionSettings()
EPOCH = datetime(2026, 11, 24, tzinfo=UTC)
END = 240.0


@dataclass
class World:
    """True time, what is due in it, and the Lease in the server."""

    luck: Random
    loss: float
    slowest: float
    now: float = 0.0
    lease: Lease | None = None
    version: int = 0
    due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self.due, (when, next(self.numbers), call))

    def run(self, check: Callable[[], None]) -> None:
        while self.due and self.due[0][0] <= END:
            self.now, _, call = heapq.heappop(self.due)
            call()
            check()

    def way(self) -> float | None:
        """Give how long a message takes, None when it is lost."""
        return None if self.luck.random() < self.loss else self.luck.random() ** 4 * self.slowest

    def put(self, lease: Lease, *, version: str) -> str | None:
        """Write as the API server does; None is a conflict."""
        if version != (str(self.version) if self.lease is not None else ""):
            return None
        self.lease = lease
        self.version += 1
        return str(self.version)


class Driver:
    """One process, as the shell drives it; its monotonic clock starts anywhere and runs a little wrong."""

    def __init__(self, name: str, world: World, *, drift: float, skew_seconds: float) -> None:
        self.candidate = Candidate(identity=name, settings=SETTINGS)
        self.ended = False
        self.led = False
        self._world = world
        self._rate = 1 + drift
        self._offset = world.luck.random() * 1e6
        self._skew = timedelta(seconds=skew_seconds)
        self._paused_until = 0.0
        self._request = 0
        world.at(world.now + world.luck.random() * 3, self._act)

    @property
    def leads(self) -> bool:
        return not self.ended and self.candidate.leads(self._clock())

    def pause(self, seconds: float) -> None:
        self._paused_until = self._world.now + seconds

    def stop(self) -> None:
        """End gracefully; a request in flight may still arrive."""
        if self.ended or self._world.now < self._paused_until:
            return
        self.candidate, write = released(self.candidate, now=self._clock())
        self.ended = True
        if write is not None and (there := self._world.way()) is not None:
            self._world.at(self._world.now + there, lambda: self._put(write))

    def _put(self, write: Write) -> str | None:
        return self._world.put(write.lease, version=write.version)

    def _clock(self) -> float:
        return self._offset + self._world.now * self._rate

    def _awake(self, call: Callable[[], None]) -> Callable[[], None]:
        def later() -> None:
            if self._world.now < self._paused_until:
                self._world.at(self._paused_until, later)
            elif not self.ended:
                call()

        return later

    def _at(self, clock: float) -> float:
        return max(self._world.now, (clock - self._offset) / self._rate + 1e-6)

    def _act(self) -> None:
        step = next_step(self.candidate, now=self._clock(), today=EPOCH + self._skew + timedelta(seconds=self._clock()))
        if isinstance(step, Lost):
            self.ended = True
        elif isinstance(step, Wait):
            until = min(step.until, self.candidate.valid_until or step.until)
            self._world.at(self._at(until), self._awake(self._act))
        else:
            self._send(step)

    def _send(self, step: Read | Write) -> None:
        self._request += 1
        number, sent_at, there = self._request, self._clock(), self._world.way()

        def arrive() -> None:
            if isinstance(step, Read):
                lease, version = self._world.lease, str(self._world.version) if self._world.lease else ""
                self._answer(
                    number, lambda: read(self.candidate, lease, version=version, now=self._clock(), random=0.5)
                )
                return
            made = self._put(step)
            if made is None:
                self._answer(number, lambda: failed(self.candidate, conflict=True, now=self._clock()))
            else:
                self._answer(number, lambda: wrote(self.candidate, step.lease, version=made, sent_at=sent_at))

        if there is not None:
            self._world.at(self._world.now + there, arrive)
        give_up = self._at(sent_at + SETTINGS.request_seconds)
        self._world.at(give_up, self._awake(lambda: self._give_up(number)))

    def _answer(self, number: int, take: Callable[[], Candidate]) -> None:
        if (back := self._world.way()) is not None:
            self._world.at(self._world.now + back, self._awake(lambda: self._take(number, take)))

    def _take(self, number: int, take: Callable[[], Candidate]) -> None:
        if number == self._request:
            self._request += 1
            self.candidate = take()
            self.led = self.led or self.leads
            self._act()

    def _give_up(self, number: int) -> None:
        self._take(number, lambda: failed(self.candidate, conflict=False, now=self._clock()))


@st.composite
def faults(draw: st.DrawFn) -> list[tuple[float, str, float]]:
    kinds = st.sampled_from(["pause", "stop", "start", "delete"])
    return draw(st.lists(st.tuples(st.floats(1.0, END), kinds, st.floats(0.0, 40.0)), max_size=8))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.05, 0.3, 0.6]),
    slowest=st.sampled_from([0.05, 2.0, 20.0]),
    drifts=st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)),
    skews=st.tuples(st.floats(-60, 60), st.floats(-60, 60)),
    happens=faults(),
)
def test_never_two_leaders_at_a_time(
    *,
    seed: int,
    loss: float,
    slowest: float,
    drifts: tuple[float, float],
    skews: tuple[float, float],
    happens: list[tuple[float, str, float]],
) -> None:
    world = World(Random(seed), loss=loss, slowest=slowest)  # noqa: S311 -- chance, no secret
    drivers = [Driver(f"d{n}", world, drift=drifts[n], skew_seconds=skews[n]) for n in range(2)]

    def happen(kind: str, seconds: float) -> None:
        number = int(seconds * 1000) % len(drivers)
        if kind == "pause":
            drivers[number].pause(seconds)
        elif kind == "stop":
            drivers[number].stop()
        elif kind == "start":
            drivers.append(Driver(f"d{len(drivers)}", world, drift=drifts[number % 2], skew_seconds=skews[number % 2]))
        elif all(driver.candidate.seen is not None for driver in drivers):
            world.lease = None  # a new process that knows of no holder may take a deleted lease at once

    for when, kind, seconds in happens:
        if kind != "delete" or not any(other == "start" for _, other, _ in happens):
            world.at(when, lambda kind=kind, seconds=seconds: happen(kind, seconds))  # type: ignore[misc]

    def check() -> None:
        leading = [driver.candidate.identity for driver in drivers if driver.leads]
        assert len(leading) <= 1, f"{leading} lead at {world.now:.3f} s"

    world.run(check)


@pytest.mark.parametrize("slowest", [0.05, 1.0])
@pytest.mark.parametrize("seed", range(20))
def test_a_leader_that_dies_is_followed_within_18_seconds(seed: int, slowest: float) -> None:
    world = World(Random(seed), loss=0.0, slowest=slowest)  # noqa: S311 -- chance, no secret
    drivers = [Driver(name, world, drift=0.0, skew_seconds=60.0 * number) for number, name in enumerate("ab")]
    died: list[float] = []
    followed: list[float] = []

    def die() -> None:
        (leader,) = [driver for driver in drivers if driver.leads]
        leader.ended = True
        died.append(world.now)

    def check() -> None:
        if died and not followed and any(driver.leads for driver in drivers):
            followed.append(world.now)

    world.at(30.0 + world.luck.random() * 10, die)
    world.run(check)
    assert 0 < followed[0] - died[0] < 15 + 2.2 + 3 * slowest
    assert all(driver.led for driver in drivers)


def test_a_leader_that_stops_is_followed_within_a_look() -> None:
    world = World(Random(1), loss=0.0, slowest=0.05)  # noqa: S311 -- chance, no secret
    drivers = [Driver(name, world, drift=0.0, skew_seconds=0.0) for name in "ab"]
    stopped: list[float] = []
    followed: list[float] = []

    def stop() -> None:
        stopped.append(world.now)
        next(driver for driver in drivers if driver.leads).stop()

    def check() -> None:
        if stopped and not followed and any(driver.leads for driver in drivers):
            followed.append(world.now)

    world.at(40.0, stop)
    world.run(check)
    assert followed[0] - stopped[0] < 2.5
