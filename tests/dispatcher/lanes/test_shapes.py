"""How events go together, over real servers: in order, batched, merged, filtered."""

from collections import defaultdict
from collections.abc import Callable

import pytest

from jethook_contract.control import ControlAnswer, ControlRequest, control_subject
from jethook_contract.plan import RetryPolicy
from jethook_contract.selection import Batch, Filter, Merge, Ordering
from tests.dispatcher.lanes.processes import Process
from tests.dispatcher.lanes.shapes import events_in, ids_in, refusing
from tests.dispatcher.lanes.world import NAMESPACE, World
from tests.fixtures.behaviours import answers, slow
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = [pytest.mark.component]

Receivers = Callable[..., Receiver]
ORDERED = {"ordering": Ordering(key_from="event.subject")}
PATIENT = RetryPolicy(max_attempts=100, initial_delay_seconds=1, factor=1, jitter_percent=0)


def by_key(receiver: Receiver) -> dict[object, list[str]]:
    """Give the ids in order of their first arrival, for each subject."""
    found: dict[object, list[str]] = defaultdict(list)
    for received in receiver.requests:
        for event in events_in(received):
            if event["id"] not in found[event["subject"]]:
                found[event["subject"]].append(str(event["id"]))
    return found


@pytest.mark.usefixtures("local")
async def test_a_key_waits_behind_its_failed_head_and_others_go_on(world: World, receivers: Receivers) -> None:
    refused = refusing(lambda event: event["subject"] == "a")
    receiver = receivers(refused)
    part = await world.subscribe("ordered", url=receiver.url, retry=PATIENT, shape=ORDERED)
    published = await world.publish(20, keys=("a", "b"))
    await eventually(lambda: len(by_key(receiver)["b"]) == 10)
    assert by_key(receiver)["a"] == published[:1], "nothing of the key passes its head"

    async def parked() -> bool:
        status = await world.status(part)
        keys = status.delivery.parked_keys if status else None
        return bool(keys) and [(one.key, one.event_id, one.waiting) for one in keys or ()] == [("a", published[0], 10)]

    await eventually(parked)
    receiver.behaviour = answers(200)
    await eventually(lambda: world.done("ordered"))
    assert by_key(receiver)["a"] == published[::2]


@pytest.mark.usefixtures("local")
async def test_skip_moves_past_a_parked_head(world: World, receivers: Receivers) -> None:
    receiver = receivers(refusing(lambda event: event["id"] == "event-0"))
    await world.subscribe("ordered", url=receiver.url, retry=PATIENT, shape=ORDERED)
    published = await world.publish(5, keys=("a",))
    await receiver.wait_for_requests(2)
    subject = control_subject("default", NAMESPACE, "ordered")

    async def skipped() -> bool:
        message = await world.client.request(subject, ControlRequest(action="Skip", key="a").encode(), timeout=2)
        return ControlAnswer.decode(message.data).done

    await eventually(skipped)
    await eventually(lambda: world.done("ordered"))
    assert by_key(receiver)["a"] == published
    (letter,) = await world.dead_letters("ordered")
    assert (letter["id"], letter["Jethook-Reason"]) == ("event-0", "Skipped")


async def test_order_is_kept_when_the_owner_is_killed_with_more_keys_in_hand_than_places(
    world: World, receivers: Receivers, dispatchers: Callable[[str], Process]
) -> None:
    receiver = receivers(slow(0.05))
    keys = [f"key-{number}" for number in range(50)]
    await world.subscribe(
        "ordered", url=receiver.url, retry=PATIENT, shape=ORDERED, ack_wait_seconds=30, max_in_flight=5
    )
    first = dispatchers("a")
    published = await world.publish(400, keys=keys)
    await receiver.wait_for_requests(40, seconds=40)
    first.kill()
    published += await world.publish(400, keys=keys)
    dispatchers("b")
    await eventually(lambda: world.done("ordered"), seconds=90)
    for position, key in enumerate(keys):
        assert by_key(receiver)[key] == published[position :: len(keys)]


@pytest.mark.usefixtures("local")
async def test_a_batch_is_one_request_and_its_answer_counts_for_each_event(world: World, receiver: Receiver) -> None:
    part = await world.subscribe("batched", url=receiver.url, shape={"batch": Batch(max_events=20)})
    published = await world.publish(50)
    await eventually(lambda: world.done("batched"))
    requests = ids_in(receiver)
    assert sorted(one for ids in requests for one in ids) == sorted(published)
    assert len(requests) <= 5
    assert max(map(len, requests)) == 20
    assert receiver.requests[0].headers["content-type"].startswith("application/cloudevents-batch+json")

    async def counted() -> bool:
        status = await world.status(part)
        return status is not None and status.delivery.delivered == 50

    await eventually(counted)


@pytest.mark.usefixtures("local")
async def test_one_bad_event_takes_no_other_to_the_dead_letters(world: World, receivers: Receivers) -> None:
    receiver = receivers(refusing(lambda event: event["id"] == "event-7"))
    retry = RetryPolicy(max_attempts=5, initial_delay_seconds=1, factor=1, jitter_percent=0)
    await world.subscribe("batched", url=receiver.url, retry=retry, shape={"batch": Batch(max_events=16)})
    await world.publish(16)
    await eventually(lambda: world.done("batched"), seconds=40)
    assert [letter["id"] for letter in await world.dead_letters("batched")] == ["event-7"]
    assert ids_in(receiver)[-1] == ["event-7"], "it was alone in the end"


@pytest.mark.usefixtures("local")
async def test_only_the_latest_of_a_window_is_sent_and_all_are_done_with(world: World, receiver: Receiver) -> None:
    merge = Merge(key_from="event.subject", window_seconds=1, strategy="Latest")
    await world.subscribe("merged", url=receiver.url, shape={"merge": merge})
    published = await world.publish(40, keys=("a", "b"))
    await eventually(lambda: world.done("merged"))
    assert sorted(ids_in(receiver)) == sorted([[published[-2]], [published[-1]]])


@pytest.mark.usefixtures("local")
async def test_a_window_is_collected_into_one_batch(world: World, receiver: Receiver) -> None:
    merge = Merge(key_from="event.subject", window_seconds=1, strategy="Collect")
    await world.subscribe("merged", url=receiver.url, shape={"merge": merge})
    published = await world.publish(10, keys=("a",))
    await eventually(lambda: world.done("merged"))
    assert ids_in(receiver) == [published]


@pytest.mark.usefixtures("local")
async def test_a_filter_that_fails_on_an_event_puts_it_to_the_dead_letters(world: World, receiver: Receiver) -> None:
    selecting = Filter(cel="event.id.endsWith('1') || (event.id.endsWith('2') && event.data.missing > 3)")
    await world.subscribe("filtered", url=receiver.url, shape={"filter": selecting})
    await world.publish(10)
    await eventually(lambda: world.done("filtered"))
    assert ids_in(receiver) == [["event-1"]]
    (letter,) = await world.dead_letters("filtered")
    assert (letter["id"], letter["Jethook-Reason"]) == ("event-2", "FilterFailed")
