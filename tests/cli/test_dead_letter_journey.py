"""From a dispatcher's dead letters to the command line and back to the endpoint."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jethook_cli.dead_letters_read import DeadLetterStream
from jethook_contract import names
from jethook_contract.connection import ConnectionSettings
from jethook_contract.deadletters import DeadLetter
from jethook_contract.plan import RetryPolicy
from jethook_contract.subjects import events_subject
from jethook_dispatcher.core.lane_reply import read_reply
from jethook_dispatcher.core.ownership_state import Timings
from jethook_dispatcher.shell.deadletters import DeadLetters, Death
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_held import Held
from jethook_dispatcher.shell.main import run
from jethook_dispatcher.shell.settings import DispatcherSettings
from tests.cli.dead_letter_world import Rig, rig
from tests.dispatcher.lanes.world import EVENT_TYPE, NAMESPACE, event, ids_of
from tests.fixtures.behaviours import answers
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component
QUICK = Timings(renew_seconds=0.2, valid_seconds=2.0, dead_seconds=3.0, settle_seconds=0.1, read_seconds=0.1)
ONCE = RetryPolicy(max_attempts=1)
DIED_AT = datetime(2026, 11, 24, 9, 30, 1, 250_000, tzinfo=UTC)


class Always:
    """Own every shard."""

    def may_start(self, shard: int) -> bool:  # noqa: ARG002 -- the Protocol's argument
        return True

    def holds(self, shard: int) -> bool:  # noqa: ARG002 -- as above
        return True


@pytest.fixture
async def laid(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(nats_server, tmp_path) as made:
        yield made


async def test_what_a_dispatcher_stored_reads_back_whole_both_ways(laid: Rig) -> None:
    part = await laid.world.subscribe("orders", url="http://127.0.0.1:1/hook", endpoint="crm")
    sent = {"X-Team": "Grüße, Süd", "Content-Type": "application/cloudevents+json", "Nats-Msg-Id": "one"}
    await laid.js.publish(events_subject(NAMESPACE, EVENT_TYPE), event("event-0"), headers=sent)
    message = await laid.world.handed_out("orders", seconds=5)
    assert message is not None
    handed = read_reply(message.reply)
    death = Death(
        reason="AttemptsExhausted",
        attempts=12,
        last_error="503 from crm\r\nService Unavailable",
        status_code=503,
        answer_excerpt="später",
        webhook_id="msg_1",
        died_at=DIED_AT,
    )
    held = Held(message, handed=handed, grant=Grant(Always(), shard=1), now=0.0)
    assert await DeadLetters(laid.js).store(held, part=part, death=death)

    stream = DeadLetterStream(laid.world.client, namespace=NAMESPACE)
    (scanned,) = [letter async for letter in stream.scan()]
    single = await stream.get(1)
    assert single is not None
    stored_at = datetime.fromtimestamp(handed.stored_nanoseconds / 1e9, tz=UTC)
    for letter in (scanned, single.letter):
        assert letter == DeadLetter(
            sequence=1,
            namespace=NAMESPACE,
            subscription="orders",
            reason="AttemptsExhausted",
            died_at=DIED_AT,
            attempts=12,
            last_error="503 from crm  Service Unavailable",
            status_code=503,
            answer_excerpt="später",
            webhook_id="msg_1",
            stored_at=stored_at,
            event_sequence=1,
            event_subject=events_subject(NAMESPACE, EVENT_TYPE),
            endpoint=f"{NAMESPACE}/crm",
            headers={"X-Team": "Grüße, Süd", "Content-Type": "application/cloudevents+json"},
            data=event("event-0"),
        )


async def test_what_an_endpoint_refused_reaches_it_once_it_takes_them(
    laid: Rig, nats_server: NatsServer, receivers: Callable[..., Receiver]
) -> None:
    """Five events are dead-lettered, redriven while the endpoint still refuses (and die again), then delivered."""
    receiver = receivers(answers(500, body=b"no"))
    await laid.world.subscribe("orders", url=receiver.url, endpoint="crm", retry=ONCE)
    settings = DispatcherSettings(
        nats=ConnectionSettings(servers=(nats_server.url,)),
        plan_keys_file=laid.world.keys_file,
        member="local",
        timings=QUICK,
    )
    stop = asyncio.Event()
    dispatching = asyncio.create_task(run(settings, stop=stop))
    try:
        published = await laid.world.publish(5)
        await eventually(lambda: _letters(laid, 5))
        assert (await laid.jethook("dead-letters", "redrive", "--all", "--yes")).returncode == 0
        await receiver.wait_for_requests(10)
        await eventually(lambda: _letters(laid, 5))
        receiver.behaviour = answers(200)
        selected = await laid.jethook(
            "dead-letters",
            "redrive",
            "--where",
            f'deadletter.statusCode == 500 && deadletter.attempts == 1 && event.type == "{EVENT_TYPE}"',
            "--reason",
            "AttemptsExhausted",
            "-y",
        )
        assert selected.stdout == "5 of 5 dead letters redriven\n"
        requests = await receiver.wait_for_requests(15)
        assert sorted(ids_of(request.body for request in requests[10:])) == published
        await eventually(lambda: _letters(laid, 0))
        await eventually(lambda: laid.world.done("orders"))
        assert (await laid.js.stream_info(names.events_stream(NAMESPACE))).state.messages == 0
    finally:
        stop.set()
        await dispatching


async def _letters(laid: Rig, count: int) -> bool:
    return (await laid.letters()).messages == count
