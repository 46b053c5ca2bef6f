"""What status shows of lanes at work, over real servers, and what is left of it when the owner changes."""

import re
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from nats.js import JetStreamContext

from jethook_contract import names
from jethook_contract.plan import PlanPart, RetryPolicy
from jethook_contract.selection import Ordering
from jethook_contract.status import DeliveryState, StatusRecord
from jethook_contract.target import BreakerPolicy
from tests.dispatcher.lanes.processes import Process
from tests.dispatcher.lanes.shapes import endpoint_status, refusing
from tests.dispatcher.lanes.world import NAMESPACE, World
from tests.fixtures.behaviours import answers, failing, hanging
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = [pytest.mark.component]

Receivers = Callable[..., Receiver]
LATER = RetryPolicy(max_attempts=9, initial_delay_seconds=60, factor=1, jitter_percent=0)
ONCE = RetryPolicy(max_attempts=1)
NEVER_OPENS = {"breaker": BreakerPolicy(min_requests=10_000)}
SHOWN_SECONDS = 25.0  # counters are written every 15 s
Value = TypeVar("Value")


async def shown(
    world: World, look: Callable[[StatusRecord], Value | None], *, part: PlanPart | None = None
) -> tuple[StatusRecord, Value]:
    """Wait until the record of the endpoint, or of a part's Subscription, has what `look` finds; give both."""

    async def probe() -> tuple[StatusRecord, Value] | None:
        record = await (endpoint_status(world) if part is None else world.status(part))
        found = None if record is None else look(record)
        return None if record is None or not found else (record, found)

    return await eventually(probe, seconds=SHOWN_SECONDS)


def is_(state: DeliveryState) -> Callable[[StatusRecord], bool]:
    """Look for a state."""
    return lambda record: record.delivery.state == state


async def stored_at(js: JetStreamContext) -> float:
    """Give when the events stream stored its first message."""
    stream = names.events_stream(NAMESPACE)
    first = (await js.stream_info(stream)).state.first_seq
    message = await js.get_msg(stream, seq=first)
    assert message.time is not None
    return message.time.timestamp()


@pytest.mark.usefixtures("local")
async def test_what_waits_shows_its_age_and_its_next_attempt(world: World, receivers: Receivers) -> None:
    receiver = receivers(answers(500, body=b"out of order"))
    await world.subscribe("waits", url=receiver.url, retry=LATER, target=NEVER_OPENS)
    await world.publish(2)
    record, _ = await shown(world, lambda record: record.delivery.backlog == 2 and record.delivery.next_attempt_time)
    delivery = record.delivery
    assert delivery.next_attempt_time is not None
    assert delivery.last_attempt_time is not None
    assert delivery.oldest_undelivered_time is not None
    waits = delivery.next_attempt_time - delivery.last_attempt_time
    assert timedelta(seconds=58) <= waits <= timedelta(seconds=62)
    assert abs(delivery.oldest_undelivered_time.timestamp() - await stored_at(world.js)) <= 1
    assert delivery.last_error is not None
    assert (delivery.last_error.reason, delivery.last_error.status_code) == ("HTTPStatus", 500)
    assert (delivery.success_percent, delivery.failed_attempts, delivery.state) == (0, 2, "Failing")


@pytest.mark.usefixtures("local")
async def test_an_endpoint_at_which_some_attempts_fail_delivers_and_is_degraded(
    world: World, receivers: Receivers
) -> None:
    receiver = receivers(failing([200, 200, 422] * 10))
    await world.subscribe("some", url=receiver.url, target=NEVER_OPENS)
    await world.publish(30)
    await eventually(lambda: world.done("some"))
    record, _ = await shown(world, is_("Degraded"))
    condition = record.condition
    assert condition is not None
    assert (condition.status, condition.reason) == ("True", "Degraded")
    share = r"[67]\d % of \d\d attempts in 5 minutes succeeded; 422 from 127.0.0.1 \(\d+ failures within a minute\)"
    assert re.fullmatch(share, condition.message), condition.message


@pytest.mark.usefixtures("local")
async def test_an_event_that_was_given_up_degrades_its_subscription_and_its_endpoint(
    world: World, receivers: Receivers
) -> None:
    receiver = receivers(refusing(lambda event: event["id"] == "event-0"))
    part = await world.subscribe("some", url=receiver.url, retry=ONCE, target=NEVER_OPENS)
    await world.publish(30)
    await eventually(lambda: world.done("some"))
    for shown_of in (None, part):
        record, _ = await shown(world, is_("Degraded"), part=shown_of)
        assert record.condition is not None
        assert record.condition.message == (
            f"1 event was given up in the last 5 minutes (jethook dead-letters list -n {NAMESPACE})"
        )


@pytest.mark.usefixtures("local")
async def test_a_stream_that_fills_up_is_told_by_who_holds_it(world: World, receivers: Receivers) -> None:
    receiver = receivers(hanging())
    stream = (await world.js.stream_info(names.events_stream(NAMESPACE))).config
    stream.max_bytes = 256 * 1024
    await world.js.update_stream(stream)
    await world.subscribe("stuck", url=receiver.url, max_in_flight=1)
    await world.publish(215)  # of somewhat over 1 KiB
    record, _ = await shown(world, is_("NearlyFull"))
    assert record.condition is not None
    assert record.condition.status == "True"


@pytest.mark.usefixtures("local")
async def test_an_event_for_which_the_dead_letters_have_no_room_waits_and_says_so(
    world: World, receivers: Receivers
) -> None:
    receiver = receivers(answers(500))
    letters = (await world.js.stream_info(names.deadletters_stream(NAMESPACE))).config
    letters.max_msgs = 1
    await world.js.update_stream(letters)
    part = await world.subscribe("full", url=receiver.url, retry=ONCE, target=NEVER_OPENS)
    await world.publish(2)
    record, _ = await shown(world, is_("DeadLettersFull"), part=part)
    assert record.condition is not None
    assert (record.condition.status, record.condition.reason) == ("False", "DeadLettersFull")
    assert sum(await world.waiting("full")) == 1


@pytest.mark.usefixtures("local")
async def test_a_subscription_whose_places_are_all_taken_by_waiting_keys_is_blocked(
    world: World, receivers: Receivers
) -> None:
    receiver = receivers(answers(500))
    shape = {"ordering": Ordering(key_from="event.subject")}
    part = await world.subscribe("keys", url=receiver.url, retry=LATER, target=NEVER_OPENS, shape=shape)
    await world.publish(1_010, keys=[f"order-{number}" for number in range(1_010)])
    record, _ = await shown(world, is_("KeyBlocked"), part=part)
    keys = record.delivery.parked_keys
    assert keys is not None
    assert (record.delivery.parked_key_count, len(keys)) == (1_000, 10)
    assert [(one.key, one.attempts) for one in keys[:2]] == [("order-0", 1), ("order-1", 1)]
    assert all(one.next_attempt_time is not None for one in keys)


async def test_a_new_owner_goes_on_counting_where_the_former_stopped(
    world: World, receivers: Receivers, dispatchers: Callable[[str], Process]
) -> None:
    receiver = receivers(failing([500, 500]))
    part = await world.subscribe("counted", url=receiver.url, target=NEVER_OPENS)
    first = dispatchers("first")
    await world.publish(5)
    await eventually(lambda: world.done("counted"), seconds=40)
    first.send(signal.SIGTERM)
    assert first.wait() == 0
    left = await endpoint_status(world)
    assert left is not None
    assert (left.delivery.delivered, left.delivery.failed_attempts, left.delivery.retried) == (5, 2, 2)
    dispatchers("second")
    await world.publish(7)
    for shown_of in (None, part):
        record, _ = await shown(world, lambda record: record.delivery.delivered == 12, part=shown_of)
        assert (record.delivery.failed_attempts, record.delivery.retried) == (2, 2)
        assert record.delivery.last_error is not None, "it outlives the owner that saw it"
