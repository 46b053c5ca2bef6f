"""What the tests of tracing share: trace contexts, requests that carry one, a collector that decodes what it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import SecretStr

from jethook_contract.event import CloudEvent
from jethook_contract.plan import ObjectId, PlanPart, PlanSecrets, SigningKey, Target
from jethook_contract.tracing import TraceContext
from jethook_dispatcher.core.request import Headers, OutgoingRequest, RequestForm
from jethook_dispatcher.core.trace_links import UNTRACED, TraceLinks
from tests.fixtures.receivers import Receiver

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
KEY = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
EVENT = CloudEvent(id="e-1", source="/tests", type="com.example.made")


def context(number: int, *, flags: str = "01", tracestate: str = "") -> TraceContext:
    """Make a trace context, another one for each number from 1."""
    return TraceContext(f"00-{number:032x}-{number:016x}-{flags}", tracestate)


@dataclass(frozen=True)
class Rendered:
    headers: Headers = (("content-type", "application/cloudevents+json"),)
    body: bytes = b'{"id":"1"}'


def form(url: str = "https://user:pass@crm.example.com/in/secret?token=t", **target: object) -> RequestForm:
    """Make the form of a part that signs."""
    part = PlanPart(
        namespace="shop",
        endpoint=ObjectId(name="crm"),
        subscription=ObjectId(name="orders-to-crm"),
        state="Active",
        stream="JETHOOK_EVENTS_shop",
        consumer="sub_orders-to-crm",
        target=Target.model_validate({"urls": [{"url": url}], **target}),
    )
    return RequestForm(part, secrets=PlanSecrets(signing=(SigningKey(keys=(KEY,)),)))


def request(
    trace: TraceLinks = UNTRACED,
    *,
    given: RequestForm | None = None,
    attempt: int = 1,
    events: Sequence[CloudEvent] = (EVENT,),
    batched: bool = False,
) -> OutgoingRequest:
    """Build a request that carries a trace."""
    return (given or form()).build(
        Rendered(), webhook_id="msg_1", attempt=attempt, now=NOW, events=events, batched=batched, trace=trace
    )


def spans_in(collector: Receiver) -> list[Span]:
    """Decode all spans that a collector got by OTLP over HTTP."""
    spans: list[Span] = []
    for received in list(collector.requests):
        assert received.path == "/v1/traces"
        assert received.headers["content-type"] == "application/x-protobuf"
        export = ExportTraceServiceRequest.FromString(received.body)
        spans += [span for group in export.resource_spans for scope in group.scope_spans for span in scope.spans]
    return spans


def resource_in(collector: Receiver) -> dict[str, Any]:
    """Give the attributes of the process that exported first."""
    export = ExportTraceServiceRequest.FromString(collector.requests[0].body)
    return _values(export.resource_spans[0].resource.attributes)


def attributes_of(span: Span) -> dict[str, Any]:
    """Give the attributes of a decoded span."""
    return _values(span.attributes)


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
