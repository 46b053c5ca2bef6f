"""`jethook publish`: send CloudEvents into JetStream and wait for the acknowledgement of each."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from jethook_cli import options
from jethook_contract.cloudevents import CloudEvent, parse_structured
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, disconnect
from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.publishing import publish_event
from jethook_contract.tracing import TRACEPARENT, parse_trace

_IN_FLIGHT = 64
_MAX_DATA_CHARACTERS = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the options say of the events to send; `data` is JSON text, `traceparent` None for no trace."""

    namespace: str
    event_type: str
    source: str
    subject: str | None
    data: str
    traceparent: str | None = None


def publish(
    event_type: Annotated[str, typer.Argument(metavar="TYPE", help="CloudEvents type, e.g. com.example.order.created")],
    data: Annotated[str, typer.Option(help="JSON data of the event.")] = "{}",
    data_file: Annotated[
        Path | None, typer.Option(help="File of the JSON data, instead of --data; `-` reads standard input.")
    ] = None,
    source: Annotated[str, typer.Option(help="CloudEvents source.")] = "/jethook/publish",
    subject: Annotated[str | None, typer.Option(help="CloudEvents subject.")] = None,
    traceparent: Annotated[
        str | None, typer.Option(help="The trace that the events belong to (W3C Trace Context), as their extension.")
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How many events to send, each with its own id.")
    ] = 1,
    namespace: options.Namespace = None,
    nats: options.NatsUrls = None,
    standalone: options.StandaloneFolder = None,
    nats_credentials: options.NatsCredentials = None,
) -> None:
    """Publish events and wait until NATS has stored each of them.

    Prints the id of each event on stdout.
    """
    draft = Draft(
        namespace=namespace or "default",
        event_type=event_type,
        source=source,
        subject=subject,
        data=_read(data_file) if data_file else data,
        traceparent=_traceparent(traceparent),
    )
    asyncio.run(send(draft, count=count, settings=options.nats_settings(nats, standalone, nats_credentials)))


async def send(draft: Draft, *, count: int, settings: ConnectionSettings) -> None:
    """Publish `count` events with a bounded number in flight; raise the first failure once all in flight have ended.

    What is in flight is never cancelled: an event that NATS has stored is told, also when another one failed.
    """
    first = _event(draft)
    client = await connect(settings, hooks=ConnectionHooks())
    events = itertools.chain([first], (_event(draft) for _ in range(count - 1)))
    failures: list[Invalid | Unavailable] = []

    async def work() -> None:
        for event in events:
            try:
                await publish_event(client, namespace=draft.namespace, event=event)
            except (Invalid, Unavailable) as exc:
                failures.append(exc)
            else:
                print(event.id)
            if failures:
                return

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(count, _IN_FLIGHT)):
                group.create_task(work())
    finally:
        await disconnect(client)
    if failures:
        raise failures[0]
    if count > 1:
        print(f"published {count} events to namespace {draft.namespace}", file=sys.stderr)


def _traceparent(value: str | None) -> str | None:
    """Check what was typed: a dispatcher would ignore a mistake in silence."""
    if value is None:
        return None
    trace = parse_trace(value)
    if trace is None:
        raise Invalid(
            "BadTraceparent",
            "--traceparent: it is not valid; write 00-<trace id>-<span id>-01 with 32 and 16 digits of 0-9 and a-f",
        )
    return trace.traceparent


def _read(path: Path) -> str:
    """Read data, bounded: what is over the bound of an event is refused by its size later on."""
    try:
        if str(path) == "-":
            return sys.stdin.read(_MAX_DATA_CHARACTERS)
        with path.open(encoding="utf-8") as file:
            return file.read(_MAX_DATA_CHARACTERS)
    except (OSError, UnicodeDecodeError) as exc:
        raise Invalid("BadData", f"--data-file {path} cannot be read as UTF-8 text: {exc}") from exc


def _event(draft: Draft) -> CloudEvent:
    envelope = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": draft.source,
        "type": draft.event_type,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
    }
    if draft.subject is not None:
        envelope["subject"] = draft.subject
    if draft.traceparent is not None:
        envelope[TRACEPARENT] = draft.traceparent
    head = json.dumps(envelope, separators=(",", ":"))
    return parse_structured(b'%b,"data":%b}' % (head[:-1].encode(), _json(draft.data)))


def _json(data: str) -> bytes:
    """Give JSON text as it is; what came as bytes that are no UTF-8 holds surrogates by now."""
    try:
        encoded = data.encode()
    except UnicodeEncodeError as exc:
        raise Invalid(
            "BadData", f"the data is not UTF-8: character {exc.start} cannot be read; encode it anew"
        ) from exc
    try:
        json.loads(data)
    except RecursionError as exc:
        raise Invalid("BadData", "the data is nested too deep; flatten it") from exc
    except ValueError as exc:
        raise Invalid("BadData", f"the data is no JSON: {exc}") from exc
    return encoded
