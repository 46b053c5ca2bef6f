"""What one process wrote of its trials tells the next one whether it died in one."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from jethook_contract.errors import Unavailable
from jethook_contract.names import retries_bucket
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.lane_reply import Handed
from jethook_dispatcher.shell.lane_background import Background
from jethook_dispatcher.shell.trials import Trials
from tests.dispatcher.lanes.world import World
from tests.dispatcher.status.conftest import plan_part
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.component

PART: PlanPart = plan_part()
STREAM = f"KV_{retries_bucket('default')}"
NOW, LATER, LATER_STILL = Handed(17, 6, 1), Handed(17, 7, 1), Handed(17, 8, 1)
Process = Callable[[], Trials]


@pytest.fixture
async def process(world: World) -> AsyncIterator[Process]:
    """Give a factory of what processes of the pool write with."""
    background = Background()
    yield lambda: Trials(world.js, pool="default", spawn=background.spawn)
    await background.close()


async def deaths(trials: Trials, *, handed: Handed) -> int:
    return (await trials.before(PART, handed=handed))[1]


async def test_a_trial_that_did_not_end_is_a_death_to_others_and_none_to_its_own_process(process: Process) -> None:
    first, second, third = process(), process(), process()
    await first.begin(PART, handed=NOW, step="Attempt", deaths=0)
    assert await deaths(first, handed=LATER) == 0
    assert await deaths(second, handed=LATER) == 1
    await second.begin(PART, handed=LATER, step="Attempt", deaths=1)
    assert await deaths(third, handed=LATER_STILL) == 2


async def test_a_trial_that_was_survived_leaves_nothing(world: World, process: Process) -> None:
    trials = process()
    trial = await trials.begin(PART, handed=LATER, step="Attempt", deaths=1)
    await trials.end(trial, survived=True)
    assert await deaths(process(), handed=LATER_STILL) == 0

    async def nothing() -> bool:
        return not (await world.js.stream_info(STREAM)).state.messages

    await eventually(nothing)


async def test_a_step_that_ended_before_the_dangerous_one_keeps_earlier_deaths(process: Process) -> None:
    trials = process()
    trial = await trials.begin(PART, handed=LATER, step="Evaluate", deaths=1)
    await trials.end(trial, survived=False)
    assert await deaths(process(), handed=LATER_STILL) == 1


async def test_the_end_of_a_trial_leaves_a_later_one_alone(process: Process) -> None:
    """A process that lost its shard in a trial says late that it lives: by then another may be in a trial."""
    lapsed, owner, heir = process(), process(), process()
    trial = await lapsed.begin(PART, handed=NOW, step="Attempt", deaths=0)
    await owner.begin(PART, handed=LATER, step="Attempt", deaths=0)
    await lapsed.end(trial, survived=True)
    assert await deaths(heir, handed=LATER_STILL) == 1


async def test_an_end_that_cannot_be_written_is_written_when_nats_is_back(
    process: Process, nats_server: NatsServer
) -> None:
    trials = process()
    trial = await trials.begin(PART, handed=NOW, step="Attempt", deaths=0)
    nats_server.kill()
    await trials.end(trial, survived=True)
    with pytest.raises(Unavailable):
        await trials.begin(PART, handed=LATER, step="Attempt", deaths=0)
    await asyncio.to_thread(nats_server.start)

    async def known() -> bool:
        try:
            return await deaths(process(), handed=LATER_STILL) == 0
        except Unavailable:
            return False

    await eventually(known, seconds=40)
