"""Real dispatcher processes that export to a real OTLP/HTTP collector while they deliver from a real nats-server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from jethook_contract.plan import Batch, RetryPolicy
from jethook_contract.selection import Merge
from jethook_contract.subjects import events_subject
from jethook_contract.tracing import TraceContext
from jethook_dispatcher.shell.tracing_export import CLOSE_SECONDS
from tests.dispatcher.lanes.world import EVENT_TYPE, NAMESPACE, World
from tests.dispatcher.observability.tracing import attributes_of, context, resource_in, spans_in
from tests.fixtures.behaviours import answers, failing, hanging
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

Receivers = Callable[..., Receiver]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(world: World, nats_server: NatsServer, tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts `jethook dispatcher --tracing`, told of a collector by the environment alone."""
    started: list[subprocess.Popen[bytes]] = []

    def run(collector: Receiver, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "jethook_cli", "dispatcher", "--tracing"]
        command += ["--nats", nats_server.url, "--plan-key", str(world.keys_file), "--member", f"m{len(started)}"]
        given = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}", "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with (tmp_path / "dispatcher.log").open("ab") as log:
            process = subprocess.Popen(command, env={**os.environ, **given, **environment}, stdout=log, stderr=log)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


async def publish(world: World, event_id: str, *, trace: TraceContext | None) -> None:
    body = {"specversion": "1.0", "id": event_id, "source": "/tests", "type": EVENT_TYPE, "data": {}}
    body |= dict(trace.headers) if trace is not None else {}
    await world.js.publish(events_subject(NAMESPACE, EVENT_TYPE), json.dumps(body).encode())


async def exported(collector: Receiver, count: int) -> list[Span]:
    def enough() -> list[Span] | None:
        spans = spans_in(collector)
        return spans if len(spans) >= count else None

    spans = await eventually(enough)
    assert len(spans) == count
    return sorted(spans, key=lambda span: span.start_time_unix_nano)


async def test_every_attempt_is_exported_as_a_child_of_the_events_trace(
    world: World, receivers: Receivers, start: Start
) -> None:
    receiver, collector = receivers(failing([503, 500])), receivers()
    await world.subscribe("traced", url=receiver.url)
    start(collector, OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test")
    before = time.time_ns()
    await publish(world, "e-1", trace=context(7, tracestate="rojo=1"))
    spans = await exported(collector, 3)
    for span in spans:
        assert span.name == f"deliver {NAMESPACE}/traced"
        assert span.kind == Span.SPAN_KIND_CLIENT
        assert span.trace_id.hex() == context(7).trace_id
        assert span.parent_span_id.hex() == context(7).parent_id
        assert span.trace_state == "rojo=1"
        assert before < span.start_time_unix_nano < span.end_time_unix_nano < time.time_ns()
        assert attributes_of(span)["server.port"] == receiver.port
    assert [received.headers["traceparent"] for received in receiver.requests] == [
        f"00-{context(7).trace_id}-{span.span_id.hex()}-01" for span in spans
    ]
    seen = [attributes_of(span) for span in spans]
    assert [one["jethook.attempt"] for one in seen] == [1, 2, 3]
    assert [one["http.response.status_code"] for one in seen] == [503, 500, 200]
    assert [one.get("error.type") for one in seen] == ["503", "500", None]
    failed, unset = Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET
    assert [span.status.code for span in spans] == [failed, failed, unset]
    resource = resource_in(collector)
    assert resource["service.name"] == "jethook-dispatcher"
    assert resource["service.instance.id"] == "m0"
    assert resource["deployment.environment.name"] == "test"


async def test_a_receiver_that_does_not_listen_is_an_error_span(
    world: World, receivers: Receivers, start: Start
) -> None:
    receiver, collector = receivers(), receivers()
    receiver.stop()
    await world.subscribe("down", url=receiver.url, retry=RetryPolicy(max_attempts=1))
    start(collector)
    await publish(world, "e-1", trace=None)
    (span,) = await exported(collector, 1)
    assert attributes_of(span)["error.type"] == "ConnectFailed"
    assert "http.response.status_code" not in attributes_of(span)
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert span.parent_span_id == b""


async def test_the_traces_of_a_batch_are_links(world: World, receivers: Receivers, start: Start) -> None:
    receiver, collector = receivers(), receivers()
    await world.subscribe(
        "batched", url=receiver.url, shape={"batch": Batch(max_events=3, max_wait_milliseconds=10_000)}
    )
    start(collector)
    for number in (1, 2):
        await publish(world, f"e-{number}", trace=context(number))
    await publish(world, "e-3", trace=None)
    (span,) = await exported(collector, 1)
    assert sorted(link.trace_id.hex() for link in span.links) == [context(1).trace_id, context(2).trace_id]
    assert attributes_of(span)["messaging.batch.message_count"] == 3
    assert receiver.requests[0].headers["traceparent"] == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-03"


async def test_a_merge_is_linked_to_the_traces_that_it_replaces(
    world: World, receivers: Receivers, start: Start
) -> None:
    receiver, collector = receivers(), receivers()
    merge = Merge(key_from="event.source", window_seconds=1, strategy="Latest")
    await world.subscribe("merged", url=receiver.url, shape={"merge": merge})
    for number in (1, 2, 3):
        await publish(world, f"e-{number}", trace=context(number))
    start(collector)
    (span,) = await exported(collector, 1)
    assert span.parent_span_id.hex() == context(3).parent_id
    assert [link.trace_id.hex() for link in span.links] == [context(1).trace_id, context(2).trace_id]
    assert attributes_of(span)["cloudevents.event_id"] == "e-3"
    assert "messaging.batch.message_count" not in attributes_of(span)


async def test_sampling_is_that_of_the_standard_variables(world: World, receivers: Receivers, start: Start) -> None:
    receiver, collector = receivers(), receivers()
    await world.subscribe("sampled", url=receiver.url)
    start(collector, OTEL_TRACES_SAMPLER="parentbased_always_off")
    for number, flags in ((1, "00"), (2, "01")):
        await publish(world, f"e-{number}", trace=context(number, flags=flags))
    await publish(world, "e-3", trace=None)
    requests = await receiver.wait_for_requests(3)
    (span,) = await exported(collector, 1)
    assert span.trace_id.hex() == context(2).trace_id
    assert sorted(received.headers["traceparent"][-2:] for received in requests) == ["00", "01", "02"]


async def test_what_was_delivered_last_is_exported_before_the_end(
    world: World, receivers: Receivers, start: Start
) -> None:
    receiver, collector = receivers(), receivers()
    await world.subscribe("ended", url=receiver.url)
    process = start(collector, OTEL_BSP_SCHEDULE_DELAY="600000")
    await publish(world, "e-1", trace=None)
    await eventually(lambda: world.done("ended"))
    assert spans_in(collector) == []
    process.send_signal(signal.SIGTERM)
    assert await eventually(lambda: process.poll() is not None)
    assert process.returncode == 0
    assert len(spans_in(collector)) == 1


@pytest.mark.parametrize("behaviour", [hanging(), answers(503)], ids=["hanging", "unavailable"])
async def test_a_collector_at_fault_delays_neither_deliveries_nor_the_end(
    world: World, receivers: Receivers, start: Start, behaviour: object
) -> None:
    receiver, collector = receivers(), receivers(behaviour)
    await world.subscribe("unharmed", url=receiver.url)
    process = start(collector, OTEL_BSP_MAX_QUEUE_SIZE="64", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="16")
    await world.publish(1)
    await collector.wait_for_requests(1)
    begun = time.monotonic()
    await world.publish(500)  # eight times what the queue holds
    await receiver.wait_for_requests(501)
    assert time.monotonic() - begun < 8.0  # an export that hangs takes ten
    await eventually(lambda: world.done("unharmed"))
    told = time.monotonic()
    process.send_signal(signal.SIGTERM)
    await eventually(lambda: process.poll() is not None)
    assert process.returncode == 0
    assert time.monotonic() - told < CLOSE_SECONDS + 4.0
