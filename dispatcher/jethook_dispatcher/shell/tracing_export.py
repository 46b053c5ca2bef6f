"""Export spans by OTLP over HTTP: in a thread of their own, from a bounded queue that drops the oldest when full.

Where to, how sampled, how large the queue: the standard `OTEL_` variables of the process, and nothing that a tenant can
write. Source: OpenTelemetry, "Environment Variable Specification" and "OTLP Exporter Configuration".
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from importlib.metadata import version
from typing import Self
from urllib.parse import urlsplit

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from jethook_contract.errors import Invalid
from jethook_dispatcher.shell.lane_attempt import Sender
from jethook_dispatcher.shell.tracing_spans import TracedSender

CLOSE_SECONDS = 2.0
MAX_VALUE_CHARACTERS = 1024

_CONVENTIONS = "https://opentelemetry.io/schemas/1.44.0"
_PROTOCOL = "http/protobuf"

_log = structlog.get_logger(__name__)


class ExportedTracing:
    """Make spans with the tracer of one provider, and close it; made by `open`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("jethook", version("jethook"), schema_url=_CONVENTIONS)

    @classmethod
    def open(cls, *, member: str, pool: str) -> Self:
        """Start the exporting thread, or raise Invalid `BadTracing`."""
        _check_protocol()
        _check_endpoint()
        try:
            # At the end `close` flushes for a bounded time; atexit would do so without a bound.
            provider = TracerProvider(
                resource=_resource(member=member, pool=pool), span_limits=_limits(), shutdown_on_exit=False
            )
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        except (ValueError, OSError, RuntimeError, ImportError) as exc:
            raise Invalid("BadTracing", f"the OTEL_ variables cannot be used: {exc}") from exc
        return cls(provider)

    def around(self, sender: Sender) -> Sender:
        """Give a sender that makes a span of each attempt that `sender` makes."""
        return TracedSender(sender, tracer=self._tracer)

    async def close(self) -> None:
        """Export what is queued; after `CLOSE_SECONDS` what is left is lost, and the log says so."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # A daemon, unlike the threads of an executor: a collector that hangs must not keep the process.
        threading.Thread(target=shut_down, name="tracing-close", daemon=True).start()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await done.wait()
        except TimeoutError:
            _log.warning("spans_not_exported", after_seconds=CLOSE_SECONDS)


def _check_protocol() -> None:
    for name in (OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_EXPORTER_OTLP_PROTOCOL):
        protocol = os.environ.get(name)
        if protocol:
            if protocol != _PROTOCOL:
                raise Invalid("BadTracing", f"{name}: spans are exported by {_PROTOCOL} only; set it to that")
            return


def _check_endpoint() -> None:
    for name in (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT):
        endpoint = os.environ.get(name)
        if endpoint:
            if not _is_http(endpoint):
                raise Invalid("BadTracing", f"{name}: it is no URL of http or https; write http://collector:4318")
            return


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _resource(*, member: str, pool: str) -> Resource:
    """Describe this process; what `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say counts more."""
    own = {
        "service.name": "jethook-dispatcher",
        "service.version": version("jethook"),
        "service.instance.id": member,
        "jethook.pool": pool,
    }
    return Resource.create(own).merge(OTELResourceDetector().detect())


def _limits() -> SpanLimits:
    limits = SpanLimits()
    if limits.max_span_attribute_length is None:
        return SpanLimits(max_span_attribute_length=MAX_VALUE_CHARACTERS)
    return limits
