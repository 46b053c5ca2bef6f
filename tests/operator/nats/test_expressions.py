"""A wrong CEL expression stalls the Subscription and takes nothing from it."""

from typing import Any

import pytest
from nats.aio.client import Client

from jethook_operator.shell.reconciler import Reconciler
from tests.fakes.surroundings import World, endpoint, subscription, subscription_key
from tests.operator.nats.reconciling import fetched, part_of, publish, settle

pytestmark = pytest.mark.component
WRONG = "event.subject +"
SPECS: list[tuple[str, dict[str, Any]]] = [
    ("spec.filter.cel", {"filter": {"cel": "event.data.amount >"}}),
    ("spec.ordering.keyFrom", {"ordering": {"keyFrom": WRONG}}),
    ("spec.merge.keyFrom", {"merge": {"keyFrom": WRONG, "windowSeconds": 5}}),
]


def stalled(world: World, field: str) -> bool:
    condition = world.status.condition(subscription_key(), "Stalled")
    return condition is not None and condition.reason == "BadExpression" and condition.message.startswith(f"{field}: ")


@pytest.mark.parametrize(("field", "spec"), SPECS)
async def test_the_last_good_plan_stays(
    client: Client, world: World, reconciler: Reconciler, field: str, spec: dict[str, Any]
) -> None:
    world.put(endpoint(), subscription("all", "a", filter={"cel": "event.id == '1'"}))
    await settle(reconciler, subscription_key())
    before = await part_of(client)
    world.put(subscription("all", "a", "b", **spec))
    assert await reconciler.reconcile(subscription_key()) is None
    assert await part_of(client) == before
    consumer = await client.jetstream().consumer_info("JETHOOK_EVENTS_shop", "sub_all")
    assert consumer.config.filter_subjects == ["jethook.direct.shop.all", "jethook.events.shop.a"]
    assert consumer.config.max_ack_pending == 20_000
    assert stalled(world, field)


@pytest.mark.parametrize(("field", "spec"), SPECS)
async def test_events_wait_for_a_first_spec_that_is_repaired(
    client: Client, world: World, reconciler: Reconciler, field: str, spec: dict[str, Any]
) -> None:
    world.put(endpoint(), subscription("all", "a", **spec))
    await settle(reconciler, subscription_key(), subscription_key())
    part = await part_of(client)
    assert (part.state, part.reason, part.target) == ("Withheld", "BadExpression", None)
    assert stalled(world, field)
    await publish(client, "a", 2)

    world.put(subscription("all", "a", ordering={"keyFrom": "event.subject"}))
    assert await reconciler.reconcile(subscription_key()) is None
    part = await part_of(client)
    assert (part.state, part.ordering is not None) == ("Active", True)
    assert world.status.condition(subscription_key(), "Stalled") is None
    assert await fetched(client) == ["a", "a"]
