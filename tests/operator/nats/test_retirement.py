"""A namespace that is deleted and made again begins with nothing of its namesake's; the old events are kept a while."""

import asyncio
import json
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.errors import NoStreamResponseError, NotFoundError

from jethook_contract import names
from jethook_contract.errors import JethookError, Unavailable
from jethook_operator.core.resources import Key
from jethook_operator.shell.reconciler import Reconciler
from tests.fakes.surroundings import World, endpoint, endpoint_key, subscription, subscription_key
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.nats.reconciling import SETTINGS, STREAM, fetched, keys_of, part_of, publish, settle, writes

pytestmark = pytest.mark.component

LETTERS = "JETHOOK_DEADLETTERS_shop"
RETIRED = "JETHOOK_RETIRED_shop_first"


def _with_uid(raw: dict[str, Any], uid: str) -> dict[str, Any]:
    return raw | {"metadata": raw["metadata"] | {"uid": uid}}


async def _live_a_life(client: Client, world: World, reconciler: Reconciler, *, events: int = 5) -> None:
    """Have the namespace of UID `first`, with events and a dead letter that wait."""
    world.store.set_namespace_uid("shop", "first")
    world.put(_with_uid(endpoint(), "e1"), _with_uid(subscription(), "s1"))
    await settle(reconciler, subscription_key(), endpoint_key())
    await publish(client, "com.example.order.old", events)
    await client.jetstream().publish("jethook.deadletters.shop.all", b"dead")


def _reborn(client: Client, world: World) -> Reconciler:
    """Make an operator that finds the namespace under another UID, with objects of the same names."""
    world.store.set_namespace_uid("shop", "second")
    world.put(_with_uid(endpoint(), "e2"), _with_uid(subscription(), "s2"))
    return Reconciler(client, settings=SETTINGS, surroundings=world.surroundings())


async def _reconciled(reconciler: Reconciler, *keys: Key) -> None:
    """Reconcile as the work queue does: again while the outside is not ready."""

    async def attempt() -> bool:
        try:
            await settle(reconciler, *keys)
        except Unavailable as exc:
            if exc.reason != "RetiringEvents":
                raise
            return False
        return True

    await eventually(attempt, seconds=20)


async def _uid(client: Client, stream: str) -> str:
    metadata = (await client.jetstream().stream_info(stream)).config.metadata or {}
    return metadata.get(names.METADATA_NAMESPACE_UID, "")


async def test_the_new_tenant_never_sees_the_events_of_the_old_one(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    await _live_a_life(client, world, reconciler)
    await _reconciled(_reborn(client, world), subscription_key(), endpoint_key())
    assert world.status.ready(subscription_key()) == ("True", "Programmed")
    assert await _uid(client, STREAM) == await _uid(client, LETTERS) == "second"
    await publish(client, "com.example.order.new")
    assert await fetched(client) == ["com.example.order.new"]
    assert (await client.jetstream().stream_info(LETTERS)).state.messages == 0
    assert (await part_of(client)).subscription.uid == "s2"


async def test_what_the_old_one_had_is_kept_with_its_subjects(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    await _live_a_life(client, world, reconciler)
    await _reconciled(_reborn(client, world), subscription_key())
    kept = await client.jetstream().stream_info(RETIRED)
    assert (kept.state.messages, kept.config.sources) == (6, None)
    messages = [await client.jetstream().get_msg(RETIRED, seq=sequence) for sequence in range(1, 7)]
    subjects = sorted(message.subject or "" for message in messages)
    assert subjects == ["jethook.deadletters.shop.all", *["jethook.events.shop.com.example.order.old"] * 5]
    await publish(client, "com.example.order.new", 3)
    assert (await client.jetstream().stream_info(RETIRED)).state.messages == 6


async def test_the_old_plan_is_gone_before_anything_of_the_new_tenant_is_there(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    await _live_a_life(client, world, reconciler, events=2_000)
    reborn = _reborn(client, world)
    with pytest.raises(Unavailable, match="being put away"):
        await reborn.reconcile(subscription_key())
    assert await keys_of(client) == {"pool"}
    assert world.status.ready(subscription_key()) == ("False", "RetiringEvents")
    assert world.status.condition(subscription_key(), "Reconciling") is not None
    with pytest.raises(NoStreamResponseError):
        await publish(client, "com.example.order.new")


async def test_reconciles_of_one_namespace_at_the_same_time_leave_each_others_parts_alone(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    await _live_a_life(client, world, reconciler)
    reborn = _reborn(client, world)
    others = [f"s{number}" for number in range(6)]
    world.put(*(_with_uid(subscription(name), name) for name in others))
    keys = [subscription_key(name) for name in ("all", *others)]
    await asyncio.gather(*(_reconciled(reborn, key) for key in keys))
    assert await keys_of(client) == {"pool", *(f"shop.orders.{name}" for name in ("all", *others))}


@pytest.mark.parametrize("calls", range(1, 14))
async def test_an_operator_that_ends_at_any_request_is_followed_by_one_that_goes_on(
    client: Client, world: World, reconciler: Reconciler, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _live_a_life(client, world, reconciler)
    dying = _reborn(client, world)
    left = [calls]
    ask = client.request

    async def request(subject: str, *arguments: object, **options: object) -> object:
        if subject.startswith(("$JS.API.STREAM.UPDATE", "$JS.API.STREAM.CREATE", "$JS.API.STREAM.DELETE")):
            left[0] -= 1
            if left[0] < 0:
                raise ConnectionResetError
        return await ask(subject, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "request", request)
    try:
        for _ in range(20):
            await dying.reconcile(subscription_key())
    except JethookError:
        pass
    monkeypatch.undo()
    await _reconciled(_reborn(client, world), subscription_key())
    assert (await client.jetstream().stream_info(RETIRED)).state.messages == 6
    assert await _uid(client, STREAM) == "second"


async def test_a_server_killed_while_it_copies_loses_nothing(
    client: Client, world: World, reconciler: Reconciler, nats_server: NatsServer
) -> None:
    await _live_a_life(client, world, reconciler, events=3_000)
    reborn = _reborn(client, world)
    with pytest.raises(Unavailable):
        await reborn.reconcile(subscription_key())
    await nats_server.away(0.1)
    await eventually(lambda: client.is_connected)
    reborn.reconnected()
    await _reconciled(reborn, subscription_key())
    assert (await client.jetstream().stream_info(RETIRED)).state.messages == 3_001


async def test_what_was_kept_goes_after_the_grace(client: Client, world: World, reconciler: Reconciler) -> None:
    await _live_a_life(client, world, reconciler)
    reborn = _reborn(client, world)
    await _reconciled(reborn, subscription_key(), endpoint_key())
    world.clock.pass_seconds(SETTINGS.orphan_grace_seconds - 60)
    await reborn.sweep_orphans()
    assert (await client.jetstream().stream_info(RETIRED)).state.messages == 6
    world.clock.pass_seconds(120)
    await reborn.sweep_orphans()
    with pytest.raises(NotFoundError):
        await client.jetstream().stream_info(RETIRED)
    assert await _uid(client, STREAM) == "second"


async def test_a_namespace_without_events_leaves_nothing_to_keep(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.store.set_namespace_uid("shop", "first")
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key())
    await settle(_reborn(client, world), subscription_key())
    assert world.status.ready(subscription_key()) == ("True", "Programmed")
    with pytest.raises(NotFoundError):
        await client.jetstream().stream_info(RETIRED)


async def test_another_installs_streams_are_not_retired(client: Client, world: World, reconciler: Reconciler) -> None:
    await _live_a_life(client, world, reconciler)
    info = json.loads((await client.request(f"$JS.API.STREAM.INFO.{STREAM}")).data)
    theirs = info["config"] | {"metadata": info["config"]["metadata"] | {names.METADATA_INSTALL_ID: "theirs"}}
    for stream in (STREAM, LETTERS):
        config = json.loads((await client.request(f"$JS.API.STREAM.INFO.{stream}")).data)["config"]
        changed = config | {"metadata": theirs["metadata"]}
        await client.request(f"$JS.API.STREAM.UPDATE.{stream}", json.dumps(changed).encode())
    before = await writes(client)
    await settle(_reborn(client, world), subscription_key())
    assert world.status.ready(subscription_key()) == ("False", "OtherInstall")
    after = await writes(client)
    assert {name: after[name] for name in (STREAM, LETTERS)} == {name: before[name] for name in (STREAM, LETTERS)}
    assert RETIRED not in after
