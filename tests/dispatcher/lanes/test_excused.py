"""What goes back in an orderly way is never suspected, however often it is handed out."""

from collections.abc import AsyncIterator, Callable

import pytest
from nats.aio.msg import Msg

from jethook_contract import names
from jethook_contract.plan import RetryPolicy
from jethook_contract.target import BreakerPolicy
from jethook_dispatcher.core.crash_trial import SUSPECT_AFTER
from tests.dispatcher.lanes.shapes import ids_in
from tests.dispatcher.lanes.world import NAMESPACE, World
from tests.fixtures.behaviours import answers
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

Receivers = Callable[..., Receiver]
EVENTS = 3
ENOUGH = EVENTS * (SUSPECT_AFTER - 1) + 1  # then one of them has come back as often as a suspect
PATIENT = RetryPolicy(max_attempts=1000, initial_delay_seconds=1, factor=1, jitter_percent=0)
QUICKLY_OPEN = BreakerPolicy(min_requests=1, open_seconds=1, max_open_seconds=1, slow_start_seconds=0)


@pytest.fixture
async def trials(world: World) -> AsyncIterator[list[str]]:
    """Give the subjects of all trial records that are written during the test."""
    found: list[str] = []

    async def note(message: Msg) -> None:
        found.append(message.subject)

    watching = await world.client.subscribe(f"$KV.{names.retries_bucket('default')}.*.*.*.trial", cb=note)
    yield found
    await watching.unsubscribe()


async def given_back(world: World, receiver: Receiver) -> int:
    """Count the hand-outs that came to no attempt, beside the present ones."""
    stream, consumer = names.events_stream(NAMESPACE), names.subscription_consumer("all")
    info = await world.js.consumer_info(stream, consumer)
    handed_out = info.delivered.consumer_seq if info.delivered else 0
    return handed_out - len(receiver.requests) - EVENTS


@pytest.mark.usefixtures("local")
async def test_what_an_open_circuit_gives_back_again_and_again_is_no_suspect(
    world: World, receivers: Receivers, trials: list[str]
) -> None:
    receiver = receivers(answers(500))
    await world.subscribe("all", url=receiver.url, retry=PATIENT, target={"breaker": QUICKLY_OPEN})
    published = await world.publish(EVENTS)

    async def often() -> bool:
        return await given_back(world, receiver) >= ENOUGH

    await eventually(often, seconds=120, every_seconds=0.2)
    receiver.behaviour = answers(200)
    await eventually(lambda: world.done("all"))
    assert {one for ids in ids_in(receiver) for one in ids} == set(published)
    assert await world.dead_letters("all") == []
    assert trials == []
