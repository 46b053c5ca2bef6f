"""One span for each attempt: a client span, child of the trace of the event that is delivered.

Names and attributes: OpenTelemetry semantic conventions 1.44, HTTP client spans, messaging spans, CloudEvents spans.
`url.full` is left out on purpose, path and query of a webhook's URL often being its secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)

from jethook_contract.tracing import TRACEPARENT, TraceContext
from jethook_dispatcher.core.outcome import ANSWERED, NotStarted, Outcome
from jethook_dispatcher.core.request import Carried, Headers, OutgoingRequest
from jethook_dispatcher.shell.lane_attempt import Sender

Attributes = dict[str, str | int]

_KNOWN_FLAGS = TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ALWAYS: Mapping[str, str] = MappingProxyType(
    {
        "http.request.method": "POST",
        "messaging.system": "jethook",
        "messaging.operation.name": "deliver",
        "messaging.operation.type": "send",
    }
)


class TracedSender:
    """Make a span of each attempt and name it to the receiver in `traceparent`."""

    def __init__(self, sender: Sender, *, tracer: Tracer) -> None:
        self._sender = sender
        self._tracer = tracer

    async def deliver(self, request: OutgoingRequest, *, before_write: Callable[[], bool]) -> Outcome | NotStarted:
        """Make one attempt; what was not started leaves no span, what is cancelled one without a status."""
        carried = request.carries
        if carried is None:
            return await self._sender.deliver(request, before_write=before_write)
        span = self._start(carried)
        context = span.get_span_context()
        if context.is_valid:  # it is not while OTEL_SDK_DISABLED is set and the event has no trace
            request = replace(request, headers=_headers(request, context=context))
        outcome: Outcome | NotStarted | None = None
        try:
            outcome = await self._sender.deliver(request, before_write=before_write)
        finally:
            # A span that is never ended is never exported.
            if not isinstance(outcome, NotStarted):
                _end(span, request=request, carried=carried, outcome=outcome)
        return outcome

    def _start(self, carried: Carried) -> Span:
        trace, owner = carried.trace, carried.owner
        return self._tracer.start_span(
            f"deliver {owner.namespace}/{owner.subscription}",
            context=_parent(trace.parent),
            kind=SpanKind.CLIENT,
            links=[Link(_span_context(link)) for link in trace.links],
        )


def _parent(context: TraceContext | None) -> Context:
    return Context() if context is None else set_span_in_context(NonRecordingSpan(_span_context(context)), Context())


def _span_context(context: TraceContext) -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16),
        int(context.parent_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(context.flags & _KNOWN_FLAGS),
        trace_state=TraceState.from_header([context.tracestate]) if context.tracestate else None,
    )


def _headers(request: OutgoingRequest, *, context: SpanContext) -> Headers:
    """Give the request's headers with the span in the place of the event's own trace; `tracestate` stays."""
    traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return (*((name, value) for name, value in request.headers if name != TRACEPARENT), (TRACEPARENT, traceparent))


def _end(span: Span, *, request: OutgoingRequest, carried: Carried, outcome: Outcome | None) -> None:
    if span.is_recording():
        span.set_attributes(_attributes(request, carried=carried))
        if outcome is not None:
            _tell(span, outcome=outcome)
    span.end()


def _attributes(request: OutgoingRequest, *, carried: Carried) -> Attributes:
    owner = carried.owner
    attributes: Attributes = {
        **_ALWAYS,
        **_server(request.url),
        "messaging.destination.name": f"{owner.namespace}/{owner.subscription}",
        "messaging.message.id": carried.webhook_id,
        "jethook.namespace": owner.namespace,
        "jethook.endpoint": owner.endpoint,
        "jethook.subscription": owner.subscription,
        "jethook.attempt": carried.attempt,
    }
    if carried.attempt > 1:
        attributes["http.request.resend_count"] = carried.attempt - 1
    if carried.batched:
        attributes["messaging.batch.message_count"] = len(carried.events)
    if len(carried.events) == 1:
        event = carried.events[0]
        attributes["cloudevents.event_id"] = event.id
        attributes["cloudevents.event_source"] = event.source
        attributes["cloudevents.event_type"] = event.type
    return attributes


def _tell(span: Span, *, outcome: Outcome) -> None:
    if outcome.status_code:
        span.set_attribute("http.response.status_code", outcome.status_code)
    if outcome.delivered:
        return
    if outcome.reason == ANSWERED:
        span.set_attribute("error.type", str(outcome.status_code))
        span.set_status(StatusCode.ERROR)
    else:
        span.set_attribute("error.type", outcome.reason)
        span.set_status(StatusCode.ERROR, outcome.message)


@lru_cache(maxsize=4096)
def _server(url: str) -> Mapping[str, str | int]:
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:  # the attempt fails for it, with a reason
        return {}
    if not parts.hostname or port is None:
        return {}
    return {"server.address": parts.hostname, "server.port": port}
