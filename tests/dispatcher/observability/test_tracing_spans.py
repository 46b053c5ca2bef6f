"""The span of one attempt: its name, parent, links, attributes and status, and what never stands in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, DEFAULT_OFF, DEFAULT_ON, Sampler
from opentelemetry.trace import SpanKind, StatusCode

from jethook_contract.event import CloudEvent
from jethook_contract.tracing import TraceContext, parse_trace
from jethook_dispatcher.core.outcome import NotStarted, Outcome, failure
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.core.trace_links import UNTRACED, TraceLinks
from jethook_dispatcher.shell.tracing_spans import TracedSender
from tests.dispatcher.observability.tracing import EVENT, context, form, request
from tests.fakes.senders import ScriptedSender

DELIVERED = Outcome(kind="Delivered", status_code=204)


class Traced:
    """A traced sender with what it sent and the spans it made."""

    def __init__(
        self, answer: Outcome | NotStarted | BaseException = DELIVERED, *, sampler: Sampler = ALWAYS_ON
    ) -> None:
        self._spans = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self._inner = ScriptedSender(answer)
        self._sender = TracedSender(self._inner, tracer=provider.get_tracer("tests"))

    async def deliver(self, given: OutgoingRequest) -> Outcome | NotStarted:
        return await self._sender.deliver(given, before_write=lambda: True)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._spans.get_finished_spans())

    @property
    def span(self) -> ReadableSpan:
        (span,) = self.spans
        return span

    @property
    def sent(self) -> TraceContext | None:
        """Give what the last request told its receiver."""
        headers = self._inner.requests[-1].headers
        told = dict(headers)
        assert len(told) == len(headers)
        return parse_trace(told.get("traceparent"), told.get("tracestate"))


async def test_a_span_says_which_delivery_it_was_and_to_whom() -> None:
    traced = Traced()
    before = time.time_ns()
    await traced.deliver(request(TraceLinks(context(7))))
    span = traced.span
    assert span.name == "deliver shop/orders-to-crm"
    assert span.kind is SpanKind.CLIENT
    assert span.start_time is not None
    assert span.end_time is not None
    assert before <= span.start_time <= span.end_time <= time.time_ns()
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 204,
        "server.address": "crm.example.com",
        "server.port": 443,
        "messaging.system": "jethook",
        "messaging.operation.name": "deliver",
        "messaging.operation.type": "send",
        "messaging.destination.name": "shop/orders-to-crm",
        "messaging.message.id": "msg_1",
        "cloudevents.event_id": EVENT.id,
        "cloudevents.event_source": EVENT.source,
        "cloudevents.event_type": EVENT.type,
        "jethook.namespace": "shop",
        "jethook.endpoint": "crm",
        "jethook.subscription": "orders-to-crm",
        "jethook.attempt": 1,
    }
    assert span.status.status_code is StatusCode.UNSET


async def test_the_events_trace_is_the_parent_and_the_receiver_is_told_of_the_span() -> None:
    traced = Traced()
    event_trace = context(7, flags="03", tracestate="rojo=1,congo=2")
    await traced.deliver(request(TraceLinks(event_trace)))
    span, sent = traced.span, traced.sent
    assert span.parent is not None
    assert sent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (
        event_trace.trace_id,
        event_trace.parent_id,
    )
    assert span.parent.is_remote
    assert sent.trace_id == event_trace.trace_id
    assert sent.parent_id == f"{span.context.span_id:016x}" != event_trace.parent_id
    assert sent.flags == 3
    assert sent.tracestate == "rojo=1,congo=2"
    assert dict(span.context.trace_state) == {"rojo": "1", "congo": "2"}


async def test_an_event_without_a_trace_begins_one() -> None:
    traced = Traced()
    await traced.deliver(request(UNTRACED))
    assert traced.span.parent is None
    assert traced.sent is not None
    assert traced.sent.trace_id == f"{traced.span.context.trace_id:032x}"


async def test_the_events_of_a_batch_are_links_of_a_trace_of_its_own() -> None:
    traced = Traced()
    events = [CloudEvent(id=str(number), source="/tests", type="t") for number in range(3)]
    links = (context(1), context(2))
    await traced.deliver(request(TraceLinks(None, links), events=events, batched=True))
    span = traced.span
    assert span.parent is None
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [one.trace_id for one in links]
    attributes = dict(span.attributes or {})
    assert attributes["messaging.batch.message_count"] == 3
    assert not any(name.startswith("cloudevents.") for name in attributes)
    assert traced.sent is not None
    assert traced.sent.trace_id == f"{span.context.trace_id:032x}"


async def test_attempts_of_one_event_are_spans_of_one_parent_numbered() -> None:
    traced = Traced()
    for attempt in (1, 2, 3):
        await traced.deliver(request(TraceLinks(context(7)), attempt=attempt))
    assert len({span.parent.span_id for span in traced.spans if span.parent}) == 1
    assert len({span.context.span_id for span in traced.spans}) == 3
    seen = [dict(span.attributes or {}) for span in traced.spans]
    assert [one["jethook.attempt"] for one in seen] == [1, 2, 3]
    assert [one.get("http.request.resend_count") for one in seen] == [None, 1, 2]


@pytest.mark.parametrize(
    ("outcome", "error", "status_code", "description"),
    [
        (Outcome(kind="Retry", status_code=503, reason="HTTPStatus", message="Service Unavailable"), "503", 503, None),
        (Outcome(kind="Retry", status_code=302, reason="HTTPStatus", message="Found"), "302", 302, None),
        (Outcome(kind="Disable", status_code=410, reason="HTTPStatus", message="Gone"), "410", 410, None),
        (Outcome(kind="Abort", status_code=400, reason="HTTPStatus", message="Bad Request"), "400", 400, None),
        (failure("Timeout", message="no answer", duration_seconds=1.0), "Timeout", None, "no answer"),
        (
            failure("ConnectionClosed", message="cut off", duration_seconds=1.0, status_code=200),
            "ConnectionClosed",
            200,
            "cut off",
        ),
    ],
)
async def test_a_failed_attempt_is_an_error_with_its_reason(
    outcome: Outcome, error: str, status_code: int | None, description: str | None
) -> None:
    traced = Traced(outcome)
    assert await traced.deliver(request()) == outcome
    attributes = dict(traced.span.attributes or {})
    assert attributes["error.type"] == error
    assert attributes.get("http.response.status_code") == status_code
    assert traced.span.status.status_code is StatusCode.ERROR
    assert traced.span.status.description == description


async def test_what_was_not_started_leaves_no_span() -> None:
    traced = Traced(NotStarted())
    assert isinstance(await traced.deliver(request()), NotStarted)
    assert traced.spans == []


async def test_a_cancelled_attempt_ends_its_span_without_an_error() -> None:
    traced = Traced(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await traced.deliver(request())
    assert traced.span.status.status_code is StatusCode.UNSET
    assert "error.type" not in (traced.span.attributes or {})


@pytest.mark.parametrize(
    ("sampler", "flags", "sampled"),
    [
        (ALWAYS_ON, "00", True),
        (ALWAYS_OFF, "01", False),
        (DEFAULT_ON, "00", False),
        (DEFAULT_ON, "01", True),
        (DEFAULT_OFF, "01", True),
    ],
)
async def test_the_receiver_is_told_what_the_sampler_decided(sampler: Sampler, flags: str, sampled: bool) -> None:  # noqa: FBT001
    traced = Traced(sampler=sampler)
    await traced.deliver(request(TraceLinks(context(7, flags=flags))))
    assert len(traced.spans) == int(sampled)
    assert traced.sent is not None
    assert traced.sent.trace_id == context(7).trace_id
    assert traced.sent.flags == int(sampled)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://CRM.example.com/x", ("crm.example.com", 443)),
        ("http://crm.example.com/x", ("crm.example.com", 80)),
        ("https://u:p@crm.example.com:8443/x?a=b", ("crm.example.com", 8443)),
        ("https://[2001:db8::1]:8443/", ("2001:db8::1", 8443)),
        ("https://crm.example.com:99999/", None),
        ("nonsense", None),
    ],
)
async def test_the_server_is_named_by_host_and_port_alone(url: str, expected: tuple[str, int] | None) -> None:
    traced = Traced()
    plain = request()
    plain.url = url
    await traced.deliver(plain)
    attributes: dict[str, Any] = dict(traced.span.attributes or {})
    found = (attributes["server.address"], attributes["server.port"]) if "server.address" in attributes else None
    assert found == expected


async def test_no_secret_stands_in_a_span() -> None:
    traced = Traced(failure("TokenRequestFailed", message="the token server answered 400", duration_seconds=0.1))
    endpoint = form("https://user:pass@crm.example.com/in/s3cret?token=t0ken", headers=(("X-Key", "k3y"),))
    await traced.deliver(request(TraceLinks(context(7)), given=endpoint))
    shown = traced.span.to_json()
    assert not any(secret in shown for secret in ("user", "pass", "s3cret", "t0ken", "k3y", "whsec", "v1,", '{"id"'))


async def test_a_request_that_says_nothing_of_itself_goes_out_as_it_is() -> None:
    traced = Traced()
    bare = OutgoingRequest(url="https://crm.example.com/", headers=(("a", "b"),), body=b"", timeout_seconds=1)
    await traced.deliver(bare)
    assert traced.spans == []
    assert traced.sent is None


@pytest.mark.parametrize("made", [lambda: TraceLinks(context(7)), lambda: UNTRACED])
async def test_a_switched_off_sdk_leaves_the_events_own_trace(
    monkeypatch: pytest.MonkeyPatch, made: Callable[[], TraceLinks]
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    traced = Traced()
    await traced.deliver(request(made()))
    assert traced.spans == []
    assert traced.sent == made().parent
