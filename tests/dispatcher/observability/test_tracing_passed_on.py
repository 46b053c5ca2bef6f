"""A dispatcher without tracing passes an event's own trace on to the receiver, and nothing that is not valid."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from jethook_contract.connection import ConnectionSettings
from jethook_contract.plan import Batch
from jethook_contract.selection import Merge
from jethook_contract.subjects import events_subject
from jethook_contract.tracing import TraceContext
from jethook_contract.verification import verify
from jethook_dispatcher.shell.settings import DispatcherSettings
from tests.dispatcher.lanes.conftest import QUICK
from tests.dispatcher.lanes.world import EVENT_TYPE, NAMESPACE, SIGNING_KEY, World
from tests.dispatcher.observability.tracing import context
from tests.fixtures.behaviours import Received, failing
from tests.fixtures.nats import NatsServer
from tests.fixtures.receivers import Receiver

pytestmark = [pytest.mark.component, pytest.mark.usefixtures("local")]

OWN, FOREIGN = context(1, tracestate="rojo=1"), context(2)


@pytest.fixture
def settings(world: World, nats_server: NatsServer) -> DispatcherSettings:
    return DispatcherSettings(
        nats=ConnectionSettings(servers=(nats_server.url,)),
        plan_keys_file=world.keys_file,
        member="local",
        timings=QUICK,
        backlog_poll_seconds=0.2,
    )


async def publish(
    world: World,
    event_id: str,
    *,
    extensions: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> None:
    body = {"specversion": "1.0", "id": event_id, "source": "/tests", "type": EVENT_TYPE, "subject": "one", "data": {}}
    await world.js.publish(
        events_subject(NAMESPACE, EVENT_TYPE),
        json.dumps({**body, **(extensions or {})}).encode(),
        headers=dict(headers) if headers else None,
    )


def extensions_of(trace: TraceContext) -> dict[str, str]:
    return dict(trace.headers)


def told(received: Received) -> tuple[str | None, str | None]:
    return received.headers.get("traceparent"), received.headers.get("tracestate")


@pytest.mark.parametrize("output_format", ["Structured", "Binary", "Data"])
async def test_the_trace_of_the_event_is_passed_on_in_every_format(
    world: World, receiver: Receiver, output_format: str
) -> None:
    await world.subscribe("traced", url=receiver.url, shape={"format": output_format})
    await publish(world, "1", extensions=extensions_of(OWN), headers={"traceparent": FOREIGN.traceparent})
    (received,) = await receiver.wait_for_requests(1)
    assert told(received) == (OWN.traceparent, OWN.tracestate)
    verify(received.headers, received.body, keys=[SIGNING_KEY], now=int(received.headers["webhook-timestamp"]))


@pytest.mark.parametrize("name", ["traceparent", "Traceparent"])
async def test_the_trace_of_the_message_is_passed_on(world: World, receiver: Receiver, name: str) -> None:
    await world.subscribe("traced", url=receiver.url)
    await publish(world, "1", headers={name: FOREIGN.traceparent, "tracestate": "congo=2"})
    (received,) = await receiver.wait_for_requests(1)
    assert told(received) == (FOREIGN.traceparent, "congo=2")


@pytest.mark.parametrize(
    "extensions",
    [
        {},
        {"traceparent": "nonsense", "tracestate": "rojo=1"},
        {"traceparent": 7},
        {"traceparent": f"00-{'0' * 32}-{'1' * 16}-01"},
    ],
)
async def test_what_is_no_trace_hinders_nothing(
    world: World, receiver: Receiver, extensions: dict[str, object]
) -> None:
    await world.subscribe("traced", url=receiver.url)
    await publish(world, "1", extensions=extensions)
    (received,) = await receiver.wait_for_requests(1)
    assert told(received) == (None, None)


async def test_every_attempt_passes_the_same_trace_on(world: World, receivers: Callable[..., Receiver]) -> None:
    receiver = receivers(failing([503]))
    await world.subscribe("traced", url=receiver.url)
    await publish(world, "1", headers=extensions_of(OWN))
    first, second = await receiver.wait_for_requests(2)
    assert told(first) == told(second) == (OWN.traceparent, OWN.tracestate)


@pytest.mark.parametrize(("traces", "passed"), [((OWN, OWN), OWN), ((OWN, FOREIGN), None)])
async def test_a_batch_passes_on_what_its_events_share(
    world: World, receiver: Receiver, traces: tuple[TraceContext, ...], passed: TraceContext | None
) -> None:
    batch = Batch(max_events=len(traces), max_wait_milliseconds=10_000)
    await world.subscribe("batched", url=receiver.url, shape={"batch": batch})
    for number, trace in enumerate(traces):
        await publish(world, str(number), extensions=extensions_of(trace))
    (received,) = await receiver.wait_for_requests(1)
    assert len(json.loads(received.body)) == len(traces)
    assert told(received) == ((passed.traceparent, passed.tracestate) if passed else (None, None))


async def test_a_merge_passes_on_the_trace_of_the_event_that_it_sends(world: World, receiver: Receiver) -> None:
    merge = Merge(key_from="event.subject", window_seconds=1, strategy="Latest")
    await world.subscribe("merged", url=receiver.url, shape={"merge": merge})
    await publish(world, "old", extensions=extensions_of(FOREIGN))
    await publish(world, "new", extensions=extensions_of(OWN))
    (received,) = await receiver.wait_for_requests(1)
    assert json.loads(received.body)["id"] == "new"
    assert told(received) == (OWN.traceparent, OWN.tracestate)
