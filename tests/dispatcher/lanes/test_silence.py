"""During a silence nothing else runs in the process, and afterwards everything goes on."""

import asyncio

import pytest

from jethook_dispatcher.core.crash_trial import SUSPECT_AFTER
from jethook_dispatcher.shell.lane_silence import OTHERS_SECONDS, Silence
from tests.dispatcher.status.conftest import ManualClock
from tests.fixtures.poll import eventually


class Lane:
    """Attempts of one endpoint, of which a test says how many run."""

    def __init__(self, running: int) -> None:
        self.running = running
        self.advanced = 0

    def advance(self) -> None:
        self.advanced += 1


class Trial:
    """One that waits for silence, and ends when told."""

    def __init__(self, silence: Silence, *, own: int) -> None:
        self.begun = False
        self.end = asyncio.Event()
        self.task = asyncio.create_task(self._run(silence, own=own))

    async def _run(self, silence: Silence, *, own: int) -> None:
        async with silence.around(needed=True, own=own):
            self.begun = True
            await self.end.wait()


@pytest.mark.parametrize("own", [0, 1])
async def test_a_trial_begins_when_all_others_have_ended(own: int) -> None:
    silence = Silence(ManualClock())
    lanes = [Lane(running=2), Lane(running=own)]
    for lane in lanes:
        silence.watch(lane)
    trial = Trial(silence, own=own)
    await eventually(lambda: silence.on)
    assert silence.limit == 0, "whatever comes has to wait"
    lanes[0].running = 1
    await asyncio.sleep(0.2)  # nothing is to happen in it
    assert not trial.begun
    lanes[0].running = 0
    await eventually(lambda: trial.begun)
    assert [lane.advanced for lane in lanes] == [0, 0]
    trial.end.set()
    await trial.task
    assert (silence.on, silence.limit) == (False, SUSPECT_AFTER)
    assert [lane.advanced for lane in lanes] == [1, 1]


async def test_what_comes_meanwhile_is_let_through_afterwards() -> None:
    silence = Silence(ManualClock())
    trial = Trial(silence, own=0)
    await eventually(lambda: trial.begun)
    waiting = asyncio.create_task(silence.over())
    await asyncio.sleep(0)
    assert not waiting.done()
    trial.end.set()
    await waiting


async def test_two_trials_keep_silence_one_after_the_other_without_waiting_for_each_other() -> None:
    silence, lane = Silence(ManualClock()), Lane(running=2)
    silence.watch(lane)
    first, second = Trial(silence, own=1), Trial(silence, own=1)
    await eventually(lambda: first.begun)
    assert not second.begun
    first.end.set()
    await first.task
    lane.running = 1
    await eventually(lambda: second.begun)
    second.end.set()
    await second.task


async def test_an_attempt_that_does_not_end_holds_a_trial_up_for_so_long_only() -> None:
    clock = ManualClock()
    silence, lane = Silence(clock), Lane(running=1)
    silence.watch(lane)
    trial = Trial(silence, own=0)
    await eventually(lambda: silence.on)
    clock.seconds += OTHERS_SECONDS + 1
    await eventually(lambda: trial.begun)
    trial.end.set()
    await trial.task


async def test_no_silence_is_kept_where_none_is_needed() -> None:
    silence, lane = Silence(ManualClock()), Lane(running=1)
    silence.watch(lane)
    async with silence.around(needed=False, own=0):
        assert not silence.on
    assert lane.advanced == 0
