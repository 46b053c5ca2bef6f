"""One dispatcher over a real nats-server and real receivers: delivered, retried, dead-lettered, shared, retired."""

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from jethook_contract import names
from jethook_contract.attempt import AttemptBatch
from jethook_contract.plan import RetiredType, RetryPolicy
from jethook_contract.subjects import events_subject, filter_subject
from jethook_contract.verification import verify
from tests.dispatcher.lanes.world import NAMESPACE, SIGNING_KEY, World, ids_of
from tests.fixtures.behaviours import Received, answers, failing, slow
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = [pytest.mark.component, pytest.mark.usefixtures("local")]

Receivers = Callable[..., Receiver]


def ids(receiver: Receiver) -> list[str]:
    return ids_of(received.body for received in receiver.requests)


async def test_events_are_delivered_signed_and_acknowledged(world: World, receiver: Receiver) -> None:
    await world.subscribe("all", url=receiver.url)
    published = await world.publish(100)
    await eventually(lambda: world.done("all"))
    assert sorted(ids(receiver)) == sorted(published)
    for received in receiver.requests:
        verify(received.headers, received.body, keys=[SIGNING_KEY], now=int(received.headers["webhook-timestamp"]))
        assert received.headers["jethook-attempt"] == "1"
        assert received.headers["jethook-subscription"] == f"{NAMESPACE}/all"


async def test_a_failed_attempt_is_made_again_after_its_delay(world: World, receivers: Receivers) -> None:
    receiver = receivers(failing([500, 503], per=lambda received: received.headers["webhook-id"]))
    await world.subscribe("flaky", url=receiver.url)
    await world.publish(3)
    await eventually(lambda: world.done("flaky"), seconds=15)
    by_event: dict[str, list[Received]] = {}
    for received in receiver.requests:
        by_event.setdefault(received.headers["webhook-id"], []).append(received)
    assert len(by_event) == 3
    for attempts in by_event.values():
        assert [received.headers["jethook-attempt"] for received in attempts] == ["1", "2", "3"]
        gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(attempts)]
        assert all(0.95 <= gap < 2.5 for gap in gaps), gaps


async def test_retry_after_is_obeyed(world: World, receivers: Receivers) -> None:
    receiver = receivers(failing([503], headers={"Retry-After": "3"}))
    await world.subscribe("patient", url=receiver.url)
    await world.publish(1)
    first, second = await receiver.wait_for_requests(2)
    assert 2.95 <= second.at - first.at < 4.5


async def test_an_event_without_success_is_stored_as_a_dead_letter(world: World, receivers: Receivers) -> None:
    receiver = receivers(answers(500, body=b"no"))
    await world.subscribe("broken", url=receiver.url, retry=RetryPolicy(max_attempts=2, initial_delay_seconds=1))
    published = await world.publish(2)
    await eventually(lambda: world.done("broken"), seconds=15)
    letters = await world.dead_letters("broken")
    assert sorted(letter["id"] for letter in letters) == sorted(published)
    assert {letter["Jethook-Reason"] for letter in letters} == {"AttemptsExhausted"}
    assert {letter["Jethook-Attempts"] for letter in letters} == {"2"}
    assert all("500" in letter["Jethook-Last-Error"] for letter in letters)
    assert len(receiver.requests) == 4


async def test_an_event_waits_while_dead_letters_are_refused(world: World, receivers: Receivers) -> None:
    receiver = receivers(answers(500))
    await world.js.delete_stream(names.deadletters_stream(NAMESPACE))
    await world.subscribe("waits", url=receiver.url, retry=RetryPolicy(max_attempts=1))
    await world.publish(1)
    await receiver.wait_for_requests(1)
    assert not await world.done("waits")
    assert await world.waiting("waits") == (0, 1)


async def test_an_event_that_cannot_be_read_is_dead_lettered_unsent(world: World, receiver: Receiver) -> None:
    await world.subscribe("strict", url=receiver.url)
    for body in (b"\xff\xfe", b'{"specversion": "1.0"}', b"[]"):
        await world.js.publish(events_subject(NAMESPACE, "com.example.made"), body)
    await world.publish(1)
    await eventually(lambda: world.done("strict"))
    assert len(receiver.requests) == 1
    letters = await world.dead_letters("strict")
    assert len(letters) == 3
    assert {letter["Jethook-Attempts"] for letter in letters} == {"0"}
    assert all(letter["Jethook-Reason"] for letter in letters)


async def test_a_retired_type_is_sent_up_to_its_last_sequence_only(world: World, receiver: Receiver) -> None:
    part = await world.subscribe("narrow", url=receiver.url, types=("com.example.**", "com.old.**"))
    await world.set_state(part, state="Suspended")
    early = await world.publish(3, event_type="com.old.made")
    last = (await world.js.stream_info(part.stream)).state.last_seq
    await world.publish(4, event_type="com.old.made")
    wanted = await world.publish(2)
    kept = tuple(one for one in part.filters if "com.old" not in one)
    old = RetiredType(filter_subject=filter_subject(NAMESPACE, "com.old.**"), last_sequence=last)
    await world.retire(part, filters=kept, retired=(old,))
    await eventually(lambda: world.done("narrow"))
    assert sorted(ids(receiver)) == sorted(early + wanted)


async def test_subscriptions_of_one_endpoint_share_its_width(world: World, receivers: Receivers) -> None:
    receiver = receivers(slow(0.05))
    for name in ("first", "second"):
        await world.subscribe(name, url=receiver.url, max_in_flight=4)
    published = await world.publish(40)
    await eventually(lambda: world.done("first"))
    await eventually(lambda: world.done("second"))
    assert receiver.most_open_requests == 4
    per = Counter(received.headers["jethook-subscription"] for received in receiver.requests)
    assert per == {f"{NAMESPACE}/first": len(published), f"{NAMESPACE}/second": len(published)}
    half = [received.headers["jethook-subscription"] for received in receiver.requests[:40]]
    assert min(Counter(half).values()) >= 15


async def test_nothing_beyond_two_widths_is_held(world: World, receivers: Receivers) -> None:
    receiver = receivers(slow(2.0))
    await world.subscribe("slow", url=receiver.url, max_in_flight=5)
    await world.publish(100)
    await receiver.wait_for_open_requests(5)
    assert (await world.waiting("slow"))[1] <= 10


async def test_a_suspended_subscription_keeps_its_backlog_and_goes_on(world: World, receiver: Receiver) -> None:
    part = await world.subscribe("paused", url=receiver.url)
    await world.publish(1)
    await receiver.wait_for_requests(1)
    await world.set_state(part, state="Suspended")
    marker = await world.subscribe("marker", url=receiver.url, types=("com.marker.**",))
    await world.publish(5)
    await world.publish(1, event_type="com.marker.made")
    await receiver.wait_for_requests(2)
    assert await world.waiting("paused") == (5, 0)
    await world.put(part)
    await receiver.wait_for_requests(7)
    assert marker.state == "Active"


async def test_a_part_that_cannot_be_unsealed_stops_alone(world: World, receivers: Receivers) -> None:
    good, bad = receivers(), receivers()
    part = await world.subscribe("sealed", url=bad.url, endpoint="bad")
    await world.put(part.model_copy(update={"sealed": "not-a-token"}))
    await world.subscribe("good", url=good.url)
    await world.publish(5)
    await good.wait_for_requests(5)
    assert bad.requests == []
    assert (await world.waiting("sealed"))[0] == 5


async def test_a_slow_answer_keeps_its_event(world: World, receivers: Receivers) -> None:
    receiver = receivers(slow(13.5))
    await world.subscribe("slow", url=receiver.url, timeout_seconds=20, ack_wait_seconds=12)
    await world.publish(1)
    await eventually(lambda: world.done("slow"), seconds=20)
    assert len(receiver.requests) == 1


async def test_attempts_are_recorded(world: World, receiver: Receiver) -> None:
    await world.subscribe("logged", url=receiver.url)
    published = await world.publish(3)

    async def records() -> list[str]:
        state = (await world.js.stream_info(names.ATTEMPTS_STREAM)).state
        found: list[str] = []
        for sequence in range(1, state.last_seq + 1):
            message = await world.js.get_msg(names.ATTEMPTS_STREAM, seq=sequence)
            found += [record.event_id for record in AttemptBatch.decode(message.data or b"").attempts]
        return found if len(found) == 3 else []

    assert sorted(await eventually(records)) == sorted(published)


async def test_status_is_reported(world: World, receiver: Receiver) -> None:
    part = await world.subscribe("shown", url=receiver.url)
    await world.publish(7)

    async def shown() -> bool:
        status = await world.status(part)
        return status is not None and status.delivery.delivered == 7

    await eventually(shown, seconds=25)


async def test_counts_survive_in_the_bucket(
    world: World, receivers: Receivers, local: Callable[[], Awaitable[int]]
) -> None:
    receiver = receivers(answers(500))
    await world.subscribe("counted", url=receiver.url, retry=RetryPolicy(max_attempts=9, initial_delay_seconds=60))
    await world.publish(2)
    await receiver.wait_for_requests(2)
    assert await local() == 0
    bucket = await world.js.key_value(names.retries_bucket("default"))
    assert (await bucket.get(f"{NAMESPACE}.counted")).value
    assert await world.waiting("counted") == (0, 2)


async def test_a_consumer_that_went_missing_is_asked_again(world: World, receiver: Receiver) -> None:
    part = await world.subscribe("lost", url=receiver.url)
    await world.publish(1)
    await receiver.wait_for_requests(1)
    await world.js.delete_consumer(part.stream, part.consumer)
    await world.subscribe("lost", url=receiver.url)
    await world.publish(1)
    await receiver.wait_for_requests(2)


async def test_a_removed_part_gives_back_what_has_not_begun(world: World, receivers: Receivers) -> None:
    receiver = receivers(slow(1.0))
    part = await world.subscribe("gone", url=receiver.url, max_in_flight=2)
    await world.publish(10)
    await receiver.wait_for_open_requests(2)
    bucket = await world.js.key_value(names.plan_bucket("default"))
    await bucket.delete(names.plan_key(NAMESPACE, "orders", "gone"))

    await eventually(lambda: receiver.open_requests == 0)
    assert len(receiver.requests) == 2
    await world.put(part)
    await eventually(lambda: world.done("gone"), seconds=20)
    assert len(receiver.requests) == 10
