"""What is missing withholds the plan; the backlog waits until it comes."""

import dataclasses

import pytest
from nats.aio.client import Client

from jethook_contract.errors import Waiting
from jethook_contract.sealing import KeyRing
from jethook_operator.core.affected import affected
from jethook_operator.core.resources import Key
from jethook_operator.shell.reconciler import Reconciler
from tests.fakes.surroundings import (
    SIGNING_KEY,
    World,
    document,
    endpoint,
    endpoint_key,
    subscription,
    subscription_key,
)
from tests.operator.nats.reconciling import (
    SETTINGS,
    SIGNED,
    fetched,
    keys_of,
    part_of,
    publish,
    settle,
)

pytestmark = pytest.mark.component


@pytest.mark.parametrize(
    "case",
    [
        (None, "true", "SecretNotFound", 'spec.signing[0].secretRef: Secret "signing" does not exist'),
        ({"current": SIGNING_KEY}, "", "SecretNotLabelled", "kubectl label secret signing jethook.io/use=true"),
        ({"other": SIGNING_KEY}, "true", "SecretKeyMissing", 'has no key "current" (it has: other)'),
        ({"current": "not base64!"}, "true", "SecretKeyInvalid", "is no base64"),
    ],
)
async def test_a_missing_secret_withholds_the_plan_until_it_comes(
    client: Client, world: World, reconciler: Reconciler, case: tuple[dict[str, str] | None, str, str, str]
) -> None:
    data, labelled, reason, cure = case
    world.put(endpoint(**SIGNED), subscription("all", "a"))
    if data is not None:
        world.put_secret("signing", data, labelled=labelled)
    await settle(reconciler, subscription_key(), endpoint_key())
    part = await part_of(client)
    assert (part.state, part.reason, part.target, part.sealed) == ("Withheld", reason, None, "")
    for key in (subscription_key(), endpoint_key()):
        assert world.status.ready(key) == ("False", reason)
        assert world.status.condition(key, "Reconciling") is not None
        assert world.status.condition(key, "Stalled") is None
        assert reason in world.events.reasons(key)
    ready = world.status.condition(endpoint_key(), "Ready")
    assert ready is not None
    assert cure in ready.message
    await publish(client, "a", 2)

    world.put_secret("signing", {"current": SIGNING_KEY + "\n"})
    await settle(reconciler, subscription_key(), endpoint_key())
    part = await part_of(client)
    assert (part.state, part.reason) == ("Active", "")
    assert world.status.ready(endpoint_key()) == ("True", "Programmed")
    assert await fetched(client) == ["a", "a"]


async def test_an_endpoint_deleted_with_a_backlog_keeps_it_waiting(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription("all", "a"))
    await settle(reconciler, subscription_key())
    await publish(client, "a", 2)
    world.store.remove(endpoint_key())
    await settle(reconciler, subscription_key(), endpoint_key())
    part = await part_of(client)
    assert (part.state, part.reason, part.target) == ("Withheld", "EndpointNotFound", None)
    assert world.status.ready(subscription_key()) == ("False", "EndpointNotFound")
    world.put(endpoint())
    await settle(reconciler, subscription_key())
    assert (await part_of(client)).state == "Active"
    assert await fetched(client) == ["a", "a"]


async def test_a_pool_that_does_not_exist_is_waited_for_and_the_backlog_too(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(poolRef={"name": "eu"}), subscription("all", "a"))
    await settle(reconciler, subscription_key(), endpoint_key())
    for key in (subscription_key(), endpoint_key()):
        assert world.status.ready(key) == ("False", "PoolNotFound")
        ready = world.status.condition(key, "Ready")
        assert ready is not None
        assert (
            'spec.poolRef: DispatcherPool "eu" does not exist; use an existing one or have it created' in ready.message
        )
        assert world.status.condition(key, "Reconciling") is not None
        assert world.status.condition(key, "Stalled") is None
    part = await part_of(client)
    assert (part.state, part.reason, part.target) == ("Withheld", "PoolNotFound", None)
    await publish(client, "a", 2)

    pool_key = Key("DispatcherPool", "jethook-system", "eu")
    world.put(document("DispatcherPool", "eu", {}))
    assert {subscription_key(), endpoint_key()} <= set(affected(pool_key, reader=world.store))
    await settle(reconciler, pool_key, subscription_key(), endpoint_key())
    assert (await part_of(client, pool="eu")).state == "Active"
    assert await keys_of(client) == {"pool"}
    assert world.status.ready(endpoint_key()) == ("True", "Programmed")
    assert await fetched(client) == ["a", "a"]

    world.store.remove(pool_key)
    await settle(reconciler, pool_key, subscription_key(), endpoint_key())
    assert await keys_of(client, "eu") == {"pool"}
    assert (await part_of(client)).reason == "PoolNotFound"
    assert world.status.ready(endpoint_key()) == ("False", "PoolNotFound")


async def test_a_broken_object_is_stalled_and_its_last_good_plan_stays(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key())
    world.put(subscription("all", "a**") | {"metadata": {"name": "all", "namespace": "shop", "generation": 2}})
    await settle(reconciler, subscription_key())
    assert world.status.ready(subscription_key()) == ("False", "InvalidSpec")
    assert world.status.condition(subscription_key(), "Stalled") is not None
    assert world.status.last[subscription_key()].observed_generation == 2
    assert (await part_of(client)).state == "Active"


async def test_without_a_key_file_the_part_is_withheld(client: Client, world: World) -> None:
    def no_ring(_pool: str) -> KeyRing:
        raise Waiting("NoPlanKey", "pool default has no key file")

    surroundings = dataclasses.replace(world.surroundings(), key_ring=no_ring)
    world.put(endpoint(**SIGNED), subscription())
    world.put_secret("signing", {"current": SIGNING_KEY})
    await settle(Reconciler(client, settings=SETTINGS, surroundings=surroundings), subscription_key())
    part = await part_of(client)
    assert (part.state, part.reason, part.target) == ("Withheld", "NoPlanKey", None)
    assert world.status.ready(subscription_key()) == ("False", "NoPlanKey")
