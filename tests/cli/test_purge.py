"""`jethook purge` against a real nats-server: what waits goes, what comes is delivered."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from jethook_cli.purge_waiting import Purge
from jethook_contract import names
from jethook_contract.plan import RetryPolicy
from jethook_operator.core.filters import Filters
from jethook_operator.shell.consumers import METADATA_WANTED, Consumers
from jethook_operator.shell.jetstream import JetStreamApi
from jethook_operator.shell.streams import Streams, StreamSettings
from jethook_operator.shell.sweep import Sweeper
from tests.cli.dead_letter_world import INSTALL, STREAM, Rig, interrupted, remove_part, rig, subscribe
from tests.dispatcher.lanes.processes import Process
from tests.dispatcher.lanes.world import NAMESPACE, ids_of
from tests.fixtures.behaviours import answers
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component
CONSUMER = names.subscription_consumer("orders")
SWEEP = names.sweep_consumer("orders")


@pytest.fixture
async def laid(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(nats_server, tmp_path) as made:
        await subscribe(made)
        yield made


async def fetched(laid: Rig, subscription: str = "orders", count: int = 1000) -> list[str]:
    """Take and acknowledge what a Subscription's consumer gives; the events' ids."""
    pull = await laid.js.pull_subscribe_bind(names.subscription_consumer(subscription), stream=STREAM)
    try:
        messages = await pull.fetch(count, timeout=1)
    except TimeoutError:
        messages = []
    for message in messages:
        await message.ack_sync()
    await pull.unsubscribe()
    return ids_of(message.data for message in messages)


async def some_in_each_state(laid: Rig) -> None:
    """Have 300 pending, 50 in back-off for an hour and 50 in flight."""
    await laid.world.publish(400)
    pull = await laid.js.pull_subscribe_bind(CONSUMER, stream=STREAM)
    for number, message in enumerate(await pull.fetch(100)):
        if number % 2:
            await message.nak(delay=3600)
    await pull.unsubscribe()
    await eventually(lambda: _waits(laid, (300, 100)))


async def messages(laid: Rig) -> int:
    return (await laid.js.stream_info(STREAM)).state.messages


async def test_everything_that_waits_goes_and_its_room_with_it(laid: Rig) -> None:
    await some_in_each_state(laid)
    done = await laid.jethook("purge", "orders", "--yes")
    assert done.returncode == 0
    assert done.stderr.startswith("100 of them were handed out: what a dispatcher has in hand")
    assert done.stdout == "400 events deleted that waited for Subscription shop/orders\n"
    assert await laid.world.waiting("orders") == (0, 0)
    assert await messages(laid) == 0
    with pytest.raises(NotFoundError):
        await laid.js.consumer_info(STREAM, SWEEP)


async def test_what_comes_afterwards_is_delivered_and_others_lose_nothing(laid: Rig) -> None:
    await subscribe(laid, "audit")
    before = await laid.world.publish(100)
    assert (await laid.jethook("purge", "orders", "--yes")).returncode == 0
    after = await laid.world.publish(3)
    assert await fetched(laid) == after
    assert await fetched(laid, "audit") == before + after


async def test_the_consumer_keeps_its_configuration(laid: Rig) -> None:
    before = (await laid.js.consumer_info(STREAM, CONSUMER)).config
    await laid.world.publish(1)
    assert (await laid.jethook("purge", "orders", "--yes")).returncode == 0
    after = (await laid.js.consumer_info(STREAM, CONSUMER)).config
    before.deliver_policy, before.opt_start_seq = DeliverPolicy.BY_START_SEQUENCE, 2
    assert after == before
    assert (after.metadata or {})[names.METADATA_INSTALL_ID] == "test"


@pytest.mark.parametrize(
    ("says", "code", "left", "told"),
    [("y", 0, 0, "400 events deleted"), ("n", 1, 400, "nothing was deleted (NotConfirmed)")],
)
async def test_a_person_is_asked_with_the_count(laid: Rig, says: str, code: int, left: int, told: str) -> None:
    await some_in_each_state(laid)
    exit_code, seen = await laid.answer("purge", "orders", says=says)
    assert "Delete the 400 events (300 pending, 100 in flight or in back-off) that wait for Subscription" in seen
    assert told in seen
    assert (exit_code, sum(await laid.world.waiting("orders"))) == (code, left)


async def test_nobody_to_ask_deletes_nothing(laid: Rig) -> None:
    await laid.world.publish(2)
    done = await laid.jethook("purge", "orders")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nobody is there to ask, nothing was deleted: give --yes" in done.stderr
    assert await laid.world.waiting("orders") == (2, 0)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["orders"], 0, "nothing waits for Subscription shop/orders"),
        (["other", "--yes"], 1, "nothing is kept for Subscription shop/other: see the name and -n (NotFound)"),
        (["a.b", "--yes"], 1, "BadName"),
        ([], 2, "Missing argument"),
    ],
)
async def test_what_there_is_not_to_do_is_told(laid: Rig, arguments: list[str], code: int, told: str) -> None:
    created = (await laid.js.consumer_info(STREAM, CONSUMER)).created
    done = await laid.jethook("purge", *arguments)
    assert told in done.stderr
    assert (done.returncode, done.stdout) == (code, "")
    assert (await laid.js.consumer_info(STREAM, CONSUMER)).created == created


async def test_a_consumer_of_somebody_else_is_not_touched(laid: Rig) -> None:
    await laid.js.add_consumer(
        STREAM, ConsumerConfig(durable_name="sub_theirs", filter_subject="jethook.events.shop.>")
    )
    await laid.world.publish(1)
    done = await laid.jethook("purge", "theirs", "--yes")
    assert (done.returncode, "OtherInstall" in done.stderr) == (1, True)
    assert await laid.world.waiting("theirs") == (1, 0)


async def test_a_subscription_that_is_gone_loses_its_consumer(laid: Rig) -> None:
    await some_in_each_state(laid)
    await remove_part(laid)
    code, seen = await laid.answer("purge", "orders", says="y")
    assert "Subscription shop/orders is gone: remove its consumer now, and the 400 events (300 pending, 100" in seen
    assert "consumer of Subscription shop/orders removed, 400 events with it" in seen
    assert code == 0
    assert (await laid.js.stream_info(STREAM)).state.consumer_count == 0
    assert await messages(laid) == 0


async def test_an_operator_that_is_first_costs_no_event(laid: Rig) -> None:
    """It makes the missing consumer anew from `new` on, after an event came into the gap."""
    await laid.world.publish(10)
    work = Purge(laid.world.client, namespace=NAMESPACE, subscription="orders")
    waiting = await work.look()
    last = (await laid.js.stream_info(STREAM)).state.last_seq
    config = (await laid.js.consumer_info(STREAM, CONSUMER)).config
    await _sweeper(laid).detach(STREAM, "orders")
    gap = await laid.world.publish(2)
    await laid.js.add_consumer(STREAM, config)
    assert waiting.config is not None
    await work._begin_after(last, config=waiting.config)
    await work.drain()
    after = await laid.world.publish(1)
    assert await fetched(laid) == gap + after
    assert await messages(laid) == 0


async def test_an_interrupted_purge_is_carried_on(laid: Rig) -> None:
    """A kill after the consumer's return leaves a sweep, which a second purge drains before it begins."""
    await laid.world.publish(50)
    work = Purge(laid.world.client, namespace=NAMESPACE, subscription="orders")
    await work.detach(await work.look())
    later = await laid.world.publish(5)
    assert await messages(laid) == 55
    carried_on = await laid.jethook("purge", "orders", "--yes")
    assert carried_on.stdout == "5 events deleted that waited for Subscription shop/orders\n"
    assert await messages(laid) == 0
    assert await fetched(laid) == []
    assert len(later) == 5


async def test_the_operators_sweep_carries_an_interrupted_one_on(laid: Rig) -> None:
    await laid.world.publish(50)
    work = Purge(laid.world.client, namespace=NAMESPACE, subscription="orders")
    await work.detach(await work.look())
    later = await laid.world.publish(5)
    await _sweeper(laid).drain(STREAM, "orders")
    assert await messages(laid) == 5
    assert await fetched(laid) == later
    assert await messages(laid) == 0


async def test_ctrl_c_says_how_it_stands_and_loses_nothing_that_comes(laid: Rig) -> None:
    await laid.world.publish(60_000)
    process = laid.start("purge", "orders", "--yes")
    await eventually(lambda: _swept(laid))
    code, out, err = await interrupted(process)
    later = await laid.world.publish(2)
    assert (code, out) == (1, "")
    assert "is on its way out, its room is not all free yet: the operator carries it on" in err
    assert "Traceback" not in err
    assert await fetched(laid) == later
    assert (await laid.js.consumer_info(STREAM, SWEEP)).num_ack_pending is not None


async def test_the_operator_neither_fails_nor_rewrites_afterwards(laid: Rig) -> None:
    wide = tuple(sorted((f"jethook.events.{NAMESPACE}.com.example.>", f"jethook.direct.{NAMESPACE}.orders")))
    filters = Filters(wanted=wide)
    consumers = Consumers(JetStreamApi(laid.world.client), install_id="test")
    await consumers.load(STREAM)
    await consumers.ensure(STREAM, "orders", filters=filters, max_ack_pending=20_000, uid="u")
    await laid.world.publish(3)
    assert (await laid.jethook("purge", "orders", "--yes")).returncode == 0

    purged = await laid.js.consumer_info(STREAM, CONSUMER)
    assert METADATA_WANTED in (purged.config.metadata or {})
    fresh = Consumers(JetStreamApi(laid.world.client), install_id="test")
    assert await fresh.observe(STREAM, "orders") is not None
    await fresh.ensure(STREAM, "orders", filters=filters, max_ack_pending=20_000, uid="u")
    wider = Filters(wanted=(*wide, f"jethook.events.{NAMESPACE}.org.>"))
    await consumers.observe_fresh(STREAM, "orders")  # as it does before each change
    await consumers.ensure(STREAM, "orders", filters=wider, max_ack_pending=20_000, uid="u")
    changed = await laid.js.consumer_info(STREAM, CONSUMER)
    assert changed.created == purged.created
    assert changed.config.deliver_policy == DeliverPolicy.BY_START_SEQUENCE
    assert "jethook.events.shop.org.>" in (changed.config.filter_subjects or [])


async def test_a_running_dispatcher_goes_on_with_what_comes(
    laid: Rig, nats_server: NatsServer, tmp_path: Path, receivers: Callable[..., Receiver]
) -> None:
    """Ten events are in back-off for an hour; its lane sees its consumer go and come."""
    receiver = receivers(answers(500))
    hourly = RetryPolicy(initial_delay_seconds=3600)
    await subscribe(laid, "busy", endpoint="busy", url=receiver.url, retry=hourly)
    dispatcher = Process(nats_server.url, keys_file=laid.world.keys_file, member="a", log=tmp_path / "a.log")
    try:
        await laid.world.publish(10)
        await receiver.wait_for_requests(10, seconds=40)
        assert sum(await laid.world.waiting("busy")) == 10
        done = await laid.jethook("purge", "busy", "--yes")
        assert done.returncode == 0, done.stderr
        receiver.behaviour = answers(200)
        later = await laid.world.publish(20)
        await eventually(lambda: len(receiver.requests) >= 30, seconds=40)
        assert sorted(ids_of(request.body for request in receiver.requests[10:])) == sorted(later)
        await eventually(lambda: laid.world.done("busy"))
    finally:
        dispatcher.close()


def _sweeper(laid: Rig) -> Sweeper:
    api = JetStreamApi(laid.world.client)
    return Sweeper(api, streams=Streams(api, settings=StreamSettings(install_id=INSTALL[names.METADATA_INSTALL_ID])))


async def _waits(laid: Rig, counts: tuple[int, int]) -> bool:
    return await laid.world.waiting("orders") == counts


async def _swept(laid: Rig) -> bool:
    """Tell whether both are there: the sweep, and the consumer that was made anew."""
    found = {info.name: info for info in await laid.js.consumers_info(STREAM)}
    return {CONSUMER, SWEEP} <= set(found) and found[CONSUMER].config.deliver_policy != DeliverPolicy.NEW
