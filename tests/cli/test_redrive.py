"""`jethook dead-letters redrive` against a real nats-server: sent again once, lost never."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from jethook_cli.dead_letters_read import DeadLetterStream, StoredLetter
from jethook_cli.redrive import Redriver, message_id
from jethook_contract import deadletters, names
from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.subjects import direct_subject
from tests.cli.dead_letter_world import (
    INSTALL,
    LETTERS,
    STREAM,
    Rig,
    interrupted,
    remove_part,
    rig,
    subscribe,
)
from tests.dispatcher.lanes.world import NAMESPACE, event, ids_of
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.component
CONSUMER = names.subscription_consumer("orders")


@pytest.fixture
async def laid(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(nats_server, tmp_path) as made:
        await subscribe(made)
        yield made


async def arrived(laid: Rig, subscription: str = "orders") -> list[Msg]:
    """Take what a Subscription's consumer has to give."""
    pull = await laid.js.pull_subscribe_bind(names.subscription_consumer(subscription), stream=STREAM)
    found: list[Msg] = []
    try:
        while batch := await pull.fetch(100, timeout=0.5):
            for message in batch:
                await message.ack_sync()
            found += batch
    except TimeoutError:
        pass
    await pull.unsubscribe()
    return found


async def made_anew(laid: Rig) -> None:
    """Delete the consumer and make it again, as a Subscription that was removed and applied anew has it."""
    config = (await laid.js.consumer_info(STREAM, CONSUMER)).config
    await laid.js.delete_consumer(STREAM, CONSUMER)
    config.metadata = INSTALL
    await laid.js.add_consumer(STREAM, config)


class Undeletable(DeadLetterStream):
    """A connection that is lost before each deletion."""

    async def delete(self, sequence: int) -> bool:
        raise Unavailable("NATSUnreachable", f"dead letter {sequence} was not deleted")


class MadeAnewMeanwhile(Redriver):
    """A redrive in the middle of which the consumer is replaced."""

    laid: Rig

    async def _publish(self, stored: StoredLetter, *, created: str) -> None:
        config = (await self.laid.js.consumer_info(STREAM, CONSUMER)).config
        await self.laid.js.delete_consumer(STREAM, CONSUMER)
        await super()._publish(stored, created=created)
        await self.laid.js.add_consumer(STREAM, config)


async def test_it_goes_to_its_subscription_alone_and_leaves_the_dead_letters(laid: Rig) -> None:
    await subscribe(laid, "audit")
    await laid.store(count=2, headers={"X-Team": "Grüße", "content-type": "application/cloudevents+json"})
    await laid.store("audit")
    done = await laid.jethook("dead-letters", "redrive", "--subscription", "orders", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 of 2 dead letters redriven\n", "")
    first, second = await arrived(laid)
    assert first.subject == direct_subject(NAMESPACE, "orders")
    assert (first.data, second.data) == (event("event-0"), event("event-1"))
    sent = {name: value for name, value in (first.headers or {}).items() if not name.startswith("Nats-")}
    assert sent == {"X-Team": "Grüße", "content-type": "application/cloudevents+json"}
    assert await arrived(laid, "audit") == []
    assert (await laid.letters()).messages == 1


async def test_one_that_was_redriven_before_can_be_again(laid: Rig) -> None:
    await laid.store(headers={deadletters.EVENT_SUBJECT: direct_subject(NAMESPACE, "orders")})
    await laid.store(headers={deadletters.EVENT_SUBJECT: direct_subject(NAMESPACE, "orders")}, body=event("event-0"))
    for dead_letter in ("1", "2"):
        done = await laid.jethook("dead-letters", "redrive", dead_letter, "--yes")
        assert done.returncode == 0, done.stderr
    assert ids_of(message.data for message in await arrived(laid)) == ["event-0", "event-0"]


async def test_an_interrupted_redrive_is_not_sent_twice(laid: Rig) -> None:
    await laid.store()
    client = laid.world.client
    with pytest.raises(Unavailable):
        await Redriver(client, letters=Undeletable(client, namespace=NAMESPACE)).redrive(1)
    assert (await laid.letters()).messages == 1
    done = await laid.jethook("dead-letters", "redrive", "1", "--yes")
    assert (done.returncode, done.stdout) == (0, "1 of 1 dead letter redriven\n")
    assert len(await arrived(laid)) == 1
    assert (await laid.letters()).messages == 0


async def test_a_consumer_replaced_meanwhile_keeps_the_dead_letter_which_then_arrives(laid: Rig) -> None:
    """The publish into the gap was acknowledged and stored nowhere, and its id is remembered all the same."""
    await laid.store()
    redriver = MadeAnewMeanwhile(laid.world.client, letters=DeadLetterStream(laid.world.client, namespace=NAMESPACE))
    redriver.laid = laid
    with pytest.raises(Invalid, match="ConsumerReplaced"):
        await redriver.redrive(1)
    assert await arrived(laid) == []
    done = await laid.jethook("dead-letters", "redrive", "1", "--yes")
    assert done.returncode == 0, done.stderr
    assert len(await arrived(laid)) == 1
    assert (await laid.letters()).messages == 0


async def test_after_the_consumer_was_made_anew_it_is_sent_again(laid: Rig) -> None:
    await laid.store()
    client = laid.world.client
    with pytest.raises(Unavailable):
        await Redriver(client, letters=Undeletable(client, namespace=NAMESPACE)).redrive(1)
    await made_anew(laid)
    assert (await laid.jethook("dead-letters", "redrive", "1", "--yes")).returncode == 0
    assert len(await arrived(laid)) == 1


async def test_a_subscription_that_is_gone_is_refused_with_the_cure_and_the_others_go(laid: Rig) -> None:
    await subscribe(laid, "gone")
    await remove_part(laid, "gone")
    await laid.store("gone", 2)
    await laid.store("never")
    await laid.store("orders")
    dry = await laid.jethook("dead-letters", "redrive", "--all", "--dry-run")
    assert dry.returncode == 1
    assert dry.stderr.count("would be refused: Subscription shop/") == 2
    done = await laid.jethook("dead-letters", "redrive", "--all", "--yes")
    assert (done.returncode, done.stdout) == (1, "1 of 4 dead letters redriven\n")
    assert "2 dead letters refused: Subscription shop/gone is gone or not in place yet: apply it again" in done.stderr
    assert "1 dead letter refused: Subscription shop/never is gone" in done.stderr
    assert "`jethook dead-letters delete --subscription gone -n shop`" in done.stderr
    assert (await laid.letters()).messages == 3
    assert (len(await arrived(laid)), len(await arrived(laid, "gone"))) == (1, 0)


@pytest.mark.parametrize("change", ["orphaned", "no direct subject"])
async def test_a_consumer_that_would_not_deliver_it_is_refused(laid: Rig, change: str) -> None:
    await laid.store()
    config = (await laid.js.consumer_info(STREAM, CONSUMER)).config
    if change == "orphaned":
        config.metadata = {**INSTALL, names.METADATA_ORPHANED_AT: "2026-11-24T10:00:00+00:00"}
    else:
        config.filter_subjects = [f"jethook.events.{NAMESPACE}.com.example.>"]
    await laid.js.add_consumer(STREAM, config)
    done = await laid.jethook("dead-letters", "redrive", "1", "--yes")
    assert (done.returncode, "NoSubscription" in done.stderr) == (1, True)
    assert (await laid.letters()).messages == 1


async def test_a_full_events_stream_keeps_them_and_says_so(laid: Rig) -> None:
    await laid.store(count=3)
    config = (await laid.js.stream_info(STREAM)).config
    config.max_msgs = 1
    await laid.js.update_stream(config)
    done = await laid.jethook("dead-letters", "redrive", "--all", "--yes")
    assert (done.returncode, done.stdout) == (1, "1 of 3 dead letters redriven\n")
    assert "stopped: the events stream of namespace shop refuses dead letter 2, which is kept" in done.stderr
    assert done.stderr.endswith("the rest is as it was\n")
    assert (await laid.letters()).messages == 2


async def test_the_rate_is_kept(laid: Rig) -> None:
    await laid.store(count=20)
    process = laid.start("dead-letters", "redrive", "--all", "--yes", "--rate", "10")
    await eventually(lambda: _left(laid, at_most=19))
    started = time.monotonic()
    await eventually(lambda: _left(laid, at_most=0))
    assert 1.6 <= time.monotonic() - started < 4
    assert process.communicate()[0] == "20 of 20 dead letters redriven\n"


async def test_ctrl_c_ends_after_the_one_in_hand(laid: Rig) -> None:
    await laid.store(count=500)
    process = laid.start("dead-letters", "redrive", "--all", "--yes", "--rate", "50")
    await eventually(lambda: _left(laid, at_most=480))
    code, out, err = await interrupted(process)
    sent = len(await arrived(laid))
    assert (code, out) == (1, f"{sent} of 500 dead letters redriven\n")
    assert err == f"interrupted: {sent} of 500 redriven, the rest is as it was\n"
    assert sent + (await laid.letters()).messages == 500
    assert sent < 100


async def test_progress_is_shown_on_a_terminal(laid: Rig) -> None:
    await laid.store(count=30)
    code, seen = await laid.answer("dead-letters", "redrive", "--all", "--rate", "10", says="y")
    assert " of 30 redriven" in seen
    assert seen.endswith("30 of 30 dead letters redriven\r\n")
    assert code == 0


async def test_one_that_somebody_else_took_meanwhile_is_told(laid: Rig) -> None:
    await laid.store(count=40)
    process = laid.start("dead-letters", "redrive", "--all", "--yes", "--rate", "20")
    await eventually(lambda: _left(laid, at_most=38))
    await laid.js.delete_msg(LETTERS, 40)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "39 of 40 dead letters redriven\n")
    assert "1 had been removed by somebody else meanwhile" in err


async def test_the_id_names_operation_subscription_and_sequence(laid: Rig) -> None:
    await laid.store(count=2)
    stream = DeadLetterStream(laid.world.client, namespace=NAMESPACE)
    first, second = await stream.get(1), await stream.get(2)
    assert first is not None
    assert second is not None
    operation, subscription, sequence = message_id(first, created="a").split("/")
    assert (len(operation), subscription, sequence) == (32, "orders", "1")
    assert message_id(first, created="a") == message_id(first, created="a")
    assert len({message_id(one, created=made) for one in (first, second) for made in ("a", "b")}) == 4


async def _left(laid: Rig, *, at_most: int) -> bool:
    return (await laid.letters()).messages <= at_most
