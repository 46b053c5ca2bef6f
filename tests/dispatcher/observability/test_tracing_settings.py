"""How tracing is switched on, what is refused at once, and that without it nothing of OpenTelemetry is there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jethook_contract.errors import Invalid
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.shell.tracing import open_tracing
from jethook_dispatcher.shell.tracing_export import CLOSE_SECONDS, MAX_VALUE_CHARACTERS
from tests.dispatcher.observability.tracing import attributes_of, request, resource_in, spans_in
from tests.fakes.senders import ScriptedSender
from tests.fixtures.behaviours import hanging
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
DELIVERED = Outcome(kind="Delivered", status_code=200)


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (ENDPOINT, "collector:4318", "no URL of http or https"),
        (ENDPOINT, "grpc://collector:4317", "no URL of http or https"),
        (ENDPOINT, "http://", "no URL of http or https"),
        (ENDPOINT, "http://collector:99999", "no URL of http or https"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf only"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "http/protobuf only"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1000000", "OTEL_ variables cannot be used"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "OTEL_ variables cannot be used"),
    ],
)
async def test_variables_that_cannot_be_used_are_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Invalid, match=words) as caught:
        open_tracing(member="m", pool="default")
    assert caught.value.reason == "BadTracing"


def test_the_command_line_says_what_to_correct(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    command = [
        sys.executable,
        "-m",
        "jethook_cli",
        "dispatcher",
        "--plan-key",
        str(keys),
        "--nats",
        "nats://127.0.0.1:9",
    ]
    environment = {**os.environ, "JETHOOK_TRACING": "true", ENDPOINT: "collector:4318"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "OTEL_EXPORTER_OTLP_ENDPOINT: it is no URL of http or https" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_the_extra_the_message_names_it() -> None:
    result = python(
        "import sys\n"
        "sys.modules['opentelemetry'] = None\n"
        "from jethook_contract.errors import Invalid\n"
        "from jethook_dispatcher.shell.tracing import open_tracing\n"
        "try:\n"
        "    open_tracing(member='m', pool='default')\n"
        "except Invalid as exc:\n"
        "    print(exc)\n"
    )
    assert result.stdout.startswith("NoTracing: --tracing: the module opentelemetry"), result.stderr
    assert "pip install 'jethook[tracing]'" in result.stdout


def test_without_tracing_a_dispatcher_imports_nothing_of_it() -> None:
    result = python(
        "import sys, jethook_dispatcher.shell.main\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    assert result.stdout.strip() == "[]", result.stderr


async def test_long_values_are_cut(monkeypatch: pytest.MonkeyPatch, receivers: Callable[..., Receiver]) -> None:
    collector = receivers()
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{collector.port}")
    tracing = open_tracing(member="m", pool="default")
    long = request()
    assert long.carries is not None
    long.carries = long.carries._replace(webhook_id="x" * 8000)
    await tracing.around(ScriptedSender(DELIVERED)).deliver(long, before_write=lambda: True)
    await tracing.close()
    (span,) = spans_in(collector)
    assert len(attributes_of(span)["messaging.message.id"]) == MAX_VALUE_CHARACTERS


async def test_the_name_of_the_service_is_the_operators_to_choose(
    monkeypatch: pytest.MonkeyPatch, receivers: Callable[..., Receiver]
) -> None:
    collector = receivers()
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{collector.port}")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "webhooks")
    tracing = open_tracing(member="m", pool="default")
    await tracing.around(ScriptedSender(DELIVERED)).deliver(request(), before_write=lambda: True)
    await tracing.close()
    resource = resource_in(collector)
    assert (resource["service.name"], resource["service.instance.id"]) == ("webhooks", "m")


async def test_attempts_never_wait_for_a_collector_that_hangs(
    monkeypatch: pytest.MonkeyPatch, receivers: Callable[..., Receiver]
) -> None:
    collector = receivers(hanging())
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{collector.port}")
    tracing = open_tracing(member="m", pool="default")
    sender = tracing.around(ScriptedSender(DELIVERED))
    begun = time.monotonic()
    for _ in range(5000):  # more than twice what the queue holds
        await sender.deliver(request(), before_write=lambda: True)
    assert time.monotonic() - begun < 8.0  # one export waits ten seconds for its answer
    await eventually(lambda: collector.open_requests > 0)
    begun = time.monotonic()
    await asyncio.wait_for(tracing.close(), CLOSE_SECONDS + 3.0)
    assert time.monotonic() - begun >= CLOSE_SECONDS - 0.1
