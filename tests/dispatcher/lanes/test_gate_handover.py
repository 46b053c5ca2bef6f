"""What a new owner knows of the receivers of an endpoint: the circuit of each target goes on as it was left."""

from collections.abc import Awaitable, Callable

import pytest
from nats.js.errors import KeyNotFoundError

from jethook_contract import names
from jethook_contract.gate import GateRecord, gate_key, target_digest
from jethook_contract.target import BreakerPolicy, TargetUrl
from tests.dispatcher.lanes.processes import Process
from tests.dispatcher.lanes.world import NAMESPACE, World
from tests.fixtures.behaviours import answers
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

LONG = BreakerPolicy(min_requests=5, open_seconds=300)


async def _stored(world: World) -> GateRecord | None:
    bucket = await world.js.key_value(names.retries_bucket("default"))
    try:
        entry = await bucket.get(gate_key(NAMESPACE, "orders"))
    except KeyNotFoundError:
        return None
    return GateRecord.decode(entry.value or b"")


async def test_one_open_target_of_two_stays_open_under_a_new_owner(
    world: World,
    receivers: Callable[..., Receiver],
    local: Callable[[], Awaitable[int]],
    dispatchers: Callable[[str], Process],
) -> None:
    well, ill = receivers(), receivers(answers(500))
    urls = (TargetUrl(url=well.url), TargetUrl(url=ill.url))
    await world.subscribe("two", url=well.url, target={"urls": urls, "breaker": LONG})
    await world.publish(60)

    async def written() -> GateRecord | None:
        record = await _stored(world)
        return record if record and record.circuits else None

    record = await eventually(written)
    assert [(circuit.target, circuit.pause_seconds) for circuit in record.circuits] == [(target_digest(ill.url), 300)]
    assert record.closed_until is None, "the endpoint as a whole goes on"
    await eventually(lambda: world.done("two"))
    failed, delivered = len(ill.requests), len(well.requests)
    assert await local() == 0

    dispatchers("next")
    await world.publish(60)
    await eventually(lambda: world.done("two"), seconds=30)
    assert len(well.requests) - delivered == 60
    assert len(ill.requests) == failed, "the new owner did not have to find out"
