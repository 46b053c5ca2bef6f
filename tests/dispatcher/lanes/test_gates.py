"""What may start when, over real servers: rate, circuit, Retry-After, the receiver's wish, targets, the handshake."""

import itertools
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from hack.ports import free_port
from jethook_contract.status import DeliveryState
from jethook_contract.target import BreakerPolicy, Limits, TargetUrl
from tests.dispatcher.lanes.shapes import endpoint_status
from tests.dispatcher.lanes.world import World
from tests.fixtures.behaviours import Received, answers, failing
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = [pytest.mark.component, pytest.mark.usefixtures("local")]

Receivers = Callable[..., Receiver]
EAGER = BreakerPolicy(min_requests=5, open_seconds=1, max_open_seconds=2, slow_start_seconds=0)


async def _state(world: World, state: DeliveryState) -> None:
    async def reached() -> bool:
        status = await endpoint_status(world)
        return status is not None and status.delivery.state == state

    await eventually(reached, seconds=20)


async def test_no_span_gets_more_than_the_rate_and_the_burst(world: World, receiver: Receiver) -> None:
    limits = Limits(requests_per_second=20, burst=2, max_in_flight=20)
    await world.subscribe("limited", url=receiver.url, target={"limits": limits})
    await world.publish(50)
    await eventually(lambda: world.done("limited"))
    times = [received.at for received in receiver.requests]
    assert len(times) == 50
    for first, last in itertools.combinations(range(len(times)), 2):
        # A tenth of a second for what lies between the leave to start and the arrival.
        assert last - first + 1 <= 2 + 20 * (times[last] - times[first] + 0.1)
    assert times[-1] - times[0] < 4.0, "and the rate is used"


async def test_an_open_circuit_burns_no_attempts_and_closes_by_itself(world: World, receivers: Receivers) -> None:
    receiver = receivers(answers(500))
    await world.subscribe("down", url=receiver.url, max_in_flight=5, target={"breaker": EAGER})
    await world.publish(60)
    await _state(world, "CircuitOpen")
    opened_at = len(receiver.requests)
    assert opened_at <= 15, "a width and what was under way"
    assert (await world.waiting("down"))[0] > 0, "the backlog stays in the stream"
    await receiver.wait_for_requests(opened_at + 2)
    receiver.behaviour = answers(200)
    await eventually(lambda: world.done("down"), seconds=30)
    assert await world.dead_letters("down") == []
    await _state(world, "Healthy")


async def test_retry_after_holds_the_whole_lane(world: World, receivers: Receivers) -> None:
    receiver = receivers(failing([429], headers={"Retry-After": "2"}))
    await world.subscribe("told", url=receiver.url, max_in_flight=1)
    await world.publish(3)
    first, second = (await receiver.wait_for_requests(2))[:2]
    assert 1.95 <= second.at - first.at < 4.0
    await eventually(lambda: world.done("told"))


async def test_a_gone_receiver_is_left_alone_until_it_is_resumed_also_by_a_new_owner(
    world: World, receivers: Receivers, local: Callable[[], Awaitable[int]]
) -> None:
    receiver = receivers(answers(410))
    part = await world.subscribe("gone", url=receiver.url, max_in_flight=2)
    await world.publish(10)
    await _state(world, "Disabled")
    assert len(receiver.requests) <= 2
    status = await endpoint_status(world)
    assert status is not None
    condition = status.condition
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", "Disabled")
    assert "jethook.io/resume" in condition.message
    assert await world.dead_letters("gone") == []
    receiver.behaviour = answers(200)
    assert part.target is not None
    await world.put(part.model_copy(update={"target": part.target.model_copy(update={"resume": "now"})}))
    await eventually(lambda: world.done("gone"))
    assert {received.headers["jethook-attempt"] for received in receiver.requests} == {"1"}, "410 is no attempt"
    assert await local() == 0


async def test_abort_message_dead_letters_the_event_at_once(world: World, receivers: Receivers) -> None:
    receiver = receivers(answers(500, headers={"webhook-delivery": "abort-message"}))
    await world.subscribe("aborts", url=receiver.url)
    await world.publish(2)
    await eventually(lambda: world.done("aborts"))
    letters = await world.dead_letters("aborts")
    assert [letter["Jethook-Reason"] for letter in letters] == ["AbortedByReceiver"] * 2
    assert len(receiver.requests) == 2


async def test_an_attempt_goes_on_at_another_target(world: World, receiver: Receiver) -> None:
    dead = TargetUrl(url=f"http://127.0.0.1:{free_port()}/", weight=100)
    await world.subscribe(
        "two", url=receiver.url, target={"urls": (dead, TargetUrl(url=receiver.url)), "breaker": EAGER}
    )
    published = await world.publish(20)
    await eventually(lambda: world.done("two"))
    assert len(receiver.requests) == len(published)
    assert {received.headers["jethook-attempt"] for received in receiver.requests} == {"1"}


async def test_nothing_is_sent_before_the_receiver_consents(world: World, receivers: Receivers) -> None:
    asked: list[Received] = []

    async def behave(request: web.Request, received: Received) -> web.StreamResponse:
        if received.method != "OPTIONS":
            return web.Response()
        asked.append(received)
        consents = {"WebHook-Allowed-Origin": "jethook", "WebHook-Allowed-Rate": "600"}
        return web.Response(headers=consents if len(asked) > 1 else {}, status=200 if len(asked) > 1 else 503)

    receiver = receivers(behave)
    await world.subscribe("polite", url=receiver.url, target={"handshake": "CloudEvents"})
    await world.publish(5)
    await eventually(lambda: world.done("polite"), seconds=30)
    methods = [received.method for received in receiver.requests]
    assert methods == ["OPTIONS", "OPTIONS"] + ["POST"] * 5
    assert asked[0].headers["webhook-request-origin"] == "jethook"
    assert receiver.requests[-1].headers["webhook-request-origin"] == "jethook"
    posts = [received.at for received in receiver.requests[2:]]
    assert posts[-1] - posts[0] >= 0.35, "10 a second are allowed, with no burst before the first second has passed"
    status = await endpoint_status(world)
    assert status is not None
    shake = status.delivery.handshake
    assert shake is not None
    assert (shake.state, shake.requests_per_minute) == ("Allowed", 600)


async def test_a_receiver_that_refuses_gets_nothing(world: World, receivers: Receivers) -> None:
    receiver = receivers(answers(200))  # no consent in its headers
    await world.subscribe("refused", url=receiver.url, target={"handshake": "CloudEvents"})
    await world.publish(2)
    await _state(world, "Pending")

    async def told() -> bool:
        status = await endpoint_status(world)
        condition = status.condition if status else None
        return condition is not None and condition.reason == "HandshakeRefused"

    await eventually(told)
    assert {received.method for received in receiver.requests} == {"OPTIONS"}
