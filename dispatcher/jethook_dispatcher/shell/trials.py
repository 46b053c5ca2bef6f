"""Begin and end the trials of one process, so that a later one can tell whether it died in one."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from nats.js import JetStreamContext

from jethook_contract.errors import Unavailable
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.crash_trial import Step, TrialRecord, deaths_in
from jethook_dispatcher.core.lane_reply import Handed
from jethook_dispatcher.shell.trial_records import TrialRecords

RETRY_SECONDS = 1.0
_END_TRIES = 60

Spawn = Callable[[Coroutine[Any, Any, None]], None]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial as it stands in the bucket; `revision` 0: it is not certain that it does."""

    part: PlanPart
    sequence: int
    record: TrialRecord
    revision: int


class Trials:
    """Write what a process begins and ends; `spawn` starts a task that the process waits for at its end."""

    def __init__(self, jetstream: JetStreamContext, *, pool: str, spawn: Spawn) -> None:
        self.spawn = spawn
        self._records = TrialRecords(jetstream, pool=pool)
        self._process = secrets.token_hex(8)
        self._numbers = itertools.count(1)

    async def before(self, part: PlanPart, *, handed: Handed) -> tuple[Trial | None, int]:
        """Give the last trial of a message and how many of its trials ended the process; raises Unavailable."""
        found = await self._records.read(part, sequence=handed.sequence)
        if found is None:
            return None, 0
        deaths = deaths_in(found[0], handed=handed, process=self._process)
        return Trial(part, handed.sequence, *found), deaths

    async def begin(self, part: PlanPart, *, handed: Handed, step: Step, deaths: int) -> Trial:
        """Write that a step begins; raises Unavailable when that is not certain."""
        record = TrialRecord(
            process=self._process,
            trial=next(self._numbers),
            stored_nanoseconds=handed.stored_nanoseconds,
            deliveries=handed.deliveries,
            deaths=deaths,
            step=step,
        )
        sequence = handed.sequence
        _log.warning("suspect tried alone", sequence=sequence, step=step, handed_out=handed.deliveries, deaths=deaths)
        try:
            return Trial(part, sequence, record, await self._records.write(part, sequence=sequence, record=record))
        except Unavailable:
            self.spawn(self._end_later(Trial(part, sequence, record, 0), survived=False))
            raise

    async def end(self, trial: Trial, *, survived: bool) -> None:
        """Write that a step has ended, sooner or later; nothing is raised.

        A lost shard does not matter: only this trial's own record is replaced. `survived`: the event went through all
        that could end the process, so earlier deaths were not its doing.
        """
        try:
            await self._say_end(trial, survived=survived)
        except Unavailable:
            self.spawn(self._end_later(trial, survived=survived))

    async def _end_later(self, trial: Trial, *, survived: bool) -> None:
        """Go on trying: the next owner would take it for a death."""
        for _ in range(_END_TRIES):
            await asyncio.sleep(RETRY_SECONDS)
            try:
                found = await self._records.read(trial.part, sequence=trial.sequence)
                if found is not None and found[0] == trial.record:
                    await self._say_end(Trial(trial.part, trial.sequence, *found), survived=survived)
            except Unavailable:
                continue
            return

    async def _say_end(self, trial: Trial, *, survived: bool) -> None:
        say = self._records.forget if survived else self._records.end
        await say(trial.part, sequence=trial.sequence, record=trial.record, revision=trial.revision)
