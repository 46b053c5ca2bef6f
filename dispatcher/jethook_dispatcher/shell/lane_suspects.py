"""Try those events alone that may be what ends the process, and give up the one that is (design section 6).

Who is suspected and what convicts is in `core/crash_trial.py`. One evaluation and one attempt of a suspect are under
way in the process at a time, each between two writes; so a process that dies leaves two traces at most.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Literal, Protocol

import structlog

from jethook_contract.errors import Unavailable
from jethook_dispatcher.core.crash_trial import CONVICTED_AFTER, SUSPECT_AFTER, verdict
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.tray import Item
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.deadletters import Death
from jethook_dispatcher.shell.lane_acks import Acks
from jethook_dispatcher.shell.lane_held import Held
from jethook_dispatcher.shell.lane_silence import Silence
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.lane_work import Work
from jethook_dispatcher.shell.trials import Trial, Trials

RETRY_SECONDS = 1.0
POSTPONE_SECONDS = 0.5
TURN_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class TrialRunner(Protocol):
    """Who makes attempts and stores dead letters."""

    async def run(self, work: Work) -> Outcome | None:
        """Make one attempt and answer the messages; give its outcome, None when nothing was sent."""

    async def bury(self, source: Source, *, held: Held, death: Death, stays: bool = False) -> bool:
        """Give an event up; False: it waits."""


class Reader(Protocol):
    """Who evaluates the expressions of a Subscription on a message."""

    def read(self, source: Source, *, held: Held) -> Item | Death | None:
        """Evaluate: something to try, to give up, or (None) that nobody wants."""

    def place(self, source: Source, *, held: Held, reading: Item | Death | None) -> None:
        """Go on with what was read."""


class Suspects:
    """Conduct the trials of a process."""

    def __init__(
        self,
        trials: Trials,
        *,
        runner: TrialRunner,
        acks: Acks,
        clock: Clock,
    ) -> None:
        self.silence = Silence(clock)
        self._trials = trials
        self._runner = runner
        self._acks = acks
        self._clock = clock
        self._evaluating = asyncio.Lock()
        self._attempting = asyncio.Lock()
        self._placing = asyncio.Lock()
        self._begun = asyncio.Event()

    def takes_over(self, source: Source, *, held: Held, reader: Reader) -> bool:
        """Take a message that is suspected, or comes during a silence; False for one that need not wait."""
        handed, counts = held.handed, source.counts
        suspected = (
            counts is not None and counts.unexplained(handed.sequence, deliveries=handed.deliveries) >= SUSPECT_AFTER
        )
        if not suspected and not self.silence.on:
            return False
        source.unread[handed.sequence] = held
        work = self._look_at if suspected else self._let_through
        self._trials.spawn(work(source, held=held, reader=reader))
        return True

    async def run(self, work: Work) -> Outcome | None:
        """Make the attempt of a suspect, or put it off while another one has its turn.

        Give the outcome, None when nothing was sent.
        """
        if self._attempting.locked():
            await self._postpone(work)
            return None
        async with self._attempting:
            self._begun.set()
            try:
                _, deaths = await self._trials.before(work.source.part, handed=work.held[0].handed)
            except Unavailable as exc:
                await self._postpone(work, why=exc)
                return None
            async with self.silence.around(needed=deaths > 0, own=1):
                return await self._attempt(work, deaths=deaths)

    async def _attempt(self, work: Work, *, deaths: int) -> Outcome | None:
        try:
            trial = await self._trials.begin(
                work.source.part, handed=work.held[0].handed, step="Attempt", deaths=deaths
            )
        except Unavailable as exc:
            await self._postpone(work, why=exc)
            return None
        outcome = None
        try:
            outcome = await self._runner.run(work)
        finally:
            await self._trials.end(trial, survived=outcome is not None)
        if outcome is not None:
            _acquit(work)
        return outcome

    async def _postpone(self, work: Work, *, why: Unavailable | None = None) -> None:
        """Let a parcel come again a little later; nothing is held against it."""
        if why is not None:
            _log.warning("suspect not tried", sequence=work.held[0].handed.sequence, reason=why.reason)
        if work.keeps_failed:
            work.again_at = self._clock.monotonic() + POSTPONE_SECONDS
            return
        for held in work.held:
            if held.grant.holds():
                work.source.excuse(held)
                await self._acks.nak(held, delay_seconds=POSTPONE_SECONDS)

    async def _let_through(self, source: Source, *, held: Held, reader: Reader) -> None:
        await self.silence.over()
        if _claim(source, held=held):
            reader.place(source, held=held, reading=reader.read(source, held=held))

    async def _look_at(self, source: Source, *, held: Held, reader: Reader) -> None:
        """Read a suspect as soon as that can be, and place it; who drops it from `unread` ends the waiting."""
        async with self._evaluating:
            reading = await self._reading(source, held=held, reader=reader)
        if isinstance(reading, Item):
            reading.alone = True
            if not source.tray.keeps_failed:
                await self._place_in_turn(source, held=held, reading=reading, reader=reader)
                return
        if reading != "Gone" and _claim(source, held=held):
            reader.place(source, held=held, reading=reading)

    async def _place_in_turn(self, source: Source, *, held: Held, reading: Item, reader: Reader) -> None:
        """Place a suspect when no other is under way, and give it a moment to begin before the next one comes."""
        async with self._placing:
            async with self._attempting:
                self._begun.clear()
            if _claim(source, held=held):
                reader.place(source, held=held, reading=reading)
                with suppress(TimeoutError):
                    async with asyncio.timeout(TURN_SECONDS):
                        await self._begun.wait()

    async def _reading(self, source: Source, *, held: Held, reader: Reader) -> Item | Death | Literal["Gone"] | None:
        """Read a suspect; `Gone`: it was given up or given back."""
        while source.unread.get(held.handed.sequence) is held:
            try:
                if held.grant.may_start():
                    last, deaths = await self._trials.before(source.part, handed=held.handed)
                    if last is not None and deaths >= CONVICTED_AFTER:
                        await self._convict(source, held=held, last=last)
                        return "Gone"
                    reading = await self._evaluated(source, held=held, deaths=deaths, reader=reader)
                    if reading != "Wait":
                        return reading
            except Unavailable as exc:
                _log.warning("suspect not looked at", sequence=held.handed.sequence, reason=exc.reason)
            except Exception:
                if _claim(source, held=held):
                    source.holding.drop(held)  # not answered, so ack_wait gives it back
                raise
            await asyncio.sleep(RETRY_SECONDS)
        return "Gone"

    async def _evaluated(
        self, source: Source, *, held: Held, deaths: int, reader: Reader
    ) -> Item | Death | Literal["Wait"] | None:
        if not source.evaluates:
            return reader.read(source, held=held)
        async with self.silence.around(needed=deaths > 0, own=0):
            trial = await self._trials.begin(source.part, handed=held.handed, step="Evaluate", deaths=deaths)
            survived = False
            try:
                if self.silence.on and not deaths:
                    return "Wait"  # here it would be noise in another one's trial
                reading = reader.read(source, held=held)
                survived = not isinstance(reading, Item)
                return reading
            finally:
                await self._trials.end(trial, survived=survived)

    async def _convict(self, source: Source, *, held: Held, last: Trial) -> None:
        if not _claim(source, held=held):
            return
        held.started = True
        attempts = source.counts.of(held.handed.sequence) if source.counts is not None else 0
        death = Death(reason="CrashLoop", attempts=attempts, last_error=verdict(last.record, handed=held.handed))
        try:
            if await self._runner.bury(source, held=held, death=death):
                await self._trials.end(last, survived=True)
        finally:
            source.holding.drop(held)


def _claim(source: Source, *, held: Held) -> bool:
    """Take a message that was held up; False when it was given back meanwhile."""
    if source.unread.get(held.handed.sequence) is not held:
        return False
    del source.unread[held.handed.sequence]
    return True


def _acquit(work: Work) -> None:
    """Note that a suspect went through an attempt and the process lives."""
    counts = work.source.counts
    for item, held in zip(work.parcel.items, work.held, strict=True):
        item.alone = False
        # One that is not counted is done.
        if counts is not None and held.grant.holds() and counts.of(item.sequence):
            counts.clear(item.sequence, deliveries=held.handed.deliveries)
