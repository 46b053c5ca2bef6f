"""A plan part that cannot be served stands still, says so, and leaves the others alone."""

from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

from jethook_contract.plan import ObjectId, PlanPart, PlanSecrets, SigningKey
from jethook_contract.status import StatusRecord
from tests.dispatcher.lanes.world import World
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

Local = Callable[[], Awaitable[int]]


def with_bad_key(world: World, part: PlanPart) -> PlanPart:
    """Give the part with a signing key that is none."""
    secrets = PlanSecrets(signing=(SigningKey(keys=(SecretStr("!!!"),)),))
    return part.model_copy(update={"sealed": world.ring.seal(secrets)})


async def shown(world: World, part: PlanPart, *, reason: str) -> StatusRecord:
    """Wait until the stored condition of the part's Subscription has this reason."""

    async def probe() -> StatusRecord | None:
        record = await world.status(part)
        return record if record is not None and record.condition and record.condition.reason == reason else None

    found = await eventually(probe)
    assert found is not None
    return found


@pytest.fixture
async def faulty(world: World, receiver: Receiver) -> PlanPart:
    """Lay a part with a bad signing key before any dispatcher runs."""
    part = with_bad_key(world, await world.subscribe("faulty", url=receiver.url))
    await world.put(part)
    return part


async def test_an_active_part_without_a_target_does_not_end_the_process(
    world: World, receiver: Receiver, local: Local
) -> None:
    good = await world.subscribe("good", url=receiver.url)
    await world.publish(1)
    await receiver.wait_for_requests(1)
    bad = good.model_copy(update={"target": None, "subscription": ObjectId(name="bad")})
    await world.put(bad)
    await shown(world, bad, reason="NoTarget")
    await world.publish(1)
    await receiver.wait_for_requests(2)
    assert await local() == 0


@pytest.mark.usefixtures("local")
async def test_a_part_that_becomes_faulty_is_shown_until_it_is_mended(world: World, receiver: Receiver) -> None:
    part = await world.subscribe("changing", url=receiver.url)
    await shown(world, part, reason="Idle")
    await world.put(with_bad_key(world, part))
    await shown(world, part, reason="BadSigningKey")
    await world.put(part)
    await shown(world, part, reason="Idle")
    await world.publish(1)
    await receiver.wait_for_requests(1)


async def test_a_part_that_was_faulty_before_its_shard_was_gained_is_shown(
    world: World, faulty: PlanPart, local: Local, receiver: Receiver
) -> None:
    record = await shown(world, faulty, reason="BadSigningKey")
    assert record.delivery.delivered == 0
    assert await local() == 0
    assert receiver.requests == []
