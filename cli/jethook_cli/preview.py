"""`jethook preview`: show what a Subscription would make of events, headers and signature included; nothing is sent."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
import typer

from jethook_cli.preview_request import Preview, preview
from jethook_contract.errors import Invalid
from jethook_contract.event import MAX_EVENT_BYTES, CloudEvent
from jethook_operator.api.subscription import Subscription
from jethook_operator.core.references import secret_names
from jethook_operator.core.resources import Broken
from jethook_operator.core.subscription import SubscriptionDecision, SubscriptionInputs, decide_subscription
from jethook_operator.shell.files_document import read_documents
from jethook_operator.shell.store import ResourceStore
from jethook_processing.parse import parse_message

_POOL_NAMESPACE = "jethook-system"
_MAX_EVENTS = 1000


class Form(StrEnum):
    """What `-o` takes."""

    TEXT = "text"
    JSON = "json"


def preview_command(
    file: Annotated[
        list[Path],
        typer.Option(
            "--file", "-f", help="YAML of the Subscription, its WebhookEndpoint and their Secrets. Repeat it."
        ),
    ],
    event: Annotated[
        list[Path],
        typer.Option(help="A CloudEvent in JSON, or several, one a line; `-` reads standard input. May be repeated."),
    ],
    name: Annotated[str | None, typer.Argument(help="Name of the Subscription. Default: all in the files.")] = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="text, or json: one object a line.")] = Form.TEXT,
) -> None:
    """Show what would be sent for events, without sending.

    Ends with 1 when an event would become a dead letter. Values of Secrets are hidden.
    """
    store = _store(file)
    chosen = list(_chosen(store, name=name))
    events = [one for path in event for one in _events(path)]
    now = datetime.now(UTC)
    shown = [
        preview(one, part=decision.part, secrets=decision.secrets, now=now) for decision in chosen for one in events
    ]
    for number, one in enumerate(shown):
        if output is Form.JSON:
            print(orjson.dumps(_as_json(one)).decode())
        else:
            print(("\n" if number else "") + _as_text(one))
    if any(one.verdict == "DeadLetter" for one in shown):
        raise typer.Exit(1)


def _store(files: list[Path]) -> ResourceStore:
    store = ResourceStore(operator_namespace=_POOL_NAMESPACE)
    for path in files:
        for document in read_documents(_read(path), file=str(path), pool_namespace=_POOL_NAMESPACE):
            if isinstance(document.content, dict):
                store.put(document.content)
            else:
                store.put_secret(document.content)
    return store


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as exc:
        raise Invalid("NoFile", f"{path}: it cannot be read: {exc.strerror}") from exc


def _chosen(store: ResourceStore, *, name: str | None) -> Iterator[SubscriptionDecision]:
    keys = [key for key in store.keys("Subscription") if name in (None, key.name)]
    if not keys:
        what = "Subscription" if name is None else f"Subscription {name[:63]!a}"
        raise Invalid("NoSubscription", f"the files hold no {what}; name its file with -f")
    for key in keys:
        subscription = store.subscription(key.namespace, key.name)
        if subscription is None or isinstance(subscription, Broken):
            fault = subscription.message if subscription is not None else "it cannot be read"
            raise Invalid("InvalidSpec", f"Subscription {key.namespace}/{key.name}: {fault}")
        yield _decided(store, subscription)


def _decided(store: ResourceStore, subscription: Subscription) -> SubscriptionDecision:
    namespace = subscription.metadata.namespace
    endpoint = store.endpoint(namespace, subscription.spec.endpoint_ref.name)
    pool, secrets = None, {}
    if endpoint is not None and not isinstance(endpoint, Broken):
        pool = store.pool(endpoint.spec.pool_ref.name)
        secrets = {one: asyncio.run(store.secret(namespace, one)) for one in secret_names(endpoint)}
    decision = decide_subscription(
        SubscriptionInputs(subscription=subscription, endpoint=endpoint, pool=pool, secrets=secrets)
    )
    if decision.part.reason == "BadExpression":
        raise Invalid(
            "BadExpression", f"Subscription {namespace}/{subscription.metadata.name}: {decision.part.message}"
        )
    return decision


def _events(path: Path) -> Iterator[CloudEvent]:
    data = _read(path)
    if len(data) > _MAX_EVENTS * MAX_EVENT_BYTES:
        raise Invalid("FileTooLarge", f"{path}: {len(data)} bytes of events; split the file")
    texts = [line for line in data.splitlines() if line.strip()] if _is_lines(data) else [data]
    if len(texts) > _MAX_EVENTS:
        raise Invalid("TooManyEvents", f"{path}: it holds {len(texts)} events, at most {_MAX_EVENTS} are shown")
    for number, text in enumerate(texts, 1):
        try:
            yield parse_message(None, text)
        except Invalid as exc:
            raise Invalid(exc.reason, f"{path}: event {number}: {exc.message}") from exc


def _is_lines(data: bytes) -> bool:
    """Tell whether each line is a JSON document of its own: the first one is."""
    try:
        return isinstance(orjson.loads(data.strip().split(b"\n", 1)[0]), dict)
    except orjson.JSONDecodeError:
        return False


def _as_text(shown: Preview) -> str:
    head = f"# {shown.subscription}: event {shown.event_id}: "
    if shown.verdict == "NotWanted":
        return f"{head}not wanted: {shown.message}"
    if shown.verdict == "DeadLetter":
        return f"{head}dead letter ({shown.reason}): {shown.message}"
    lines = [f"{head}sent" if shown.url else f"{head}waits ({shown.reason}): {shown.message}"]
    lines.append(f"POST {_address(shown.url)}" if shown.url else "POST (no address yet; unsigned)")
    lines += [f"{name}: {value}" for name, value in shown.headers]
    return "\n".join([*lines, "", _body(shown.body)])


def _as_json(shown: Preview) -> dict[str, Any]:
    row: dict[str, Any] = {
        "subscription": shown.subscription,
        "event": shown.event_id,
        "verdict": shown.verdict,
        "reason": shown.reason,
        "message": shown.message,
    }
    if shown.verdict == "Sent":
        body = {"body": shown.body.decode()} if _is_text(shown.body) else {"body_base64": _body(shown.body)}
        row |= {"url": _address(shown.url) if shown.url else None, "headers": dict(shown.headers), **body}
    return row


def _address(url: str) -> str:
    """Give an address without what may be a secret in it: userinfo and query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}{'?(hidden)' if parts.query else ''}"


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _body(body: bytes) -> str:
    return body.decode() if _is_text(body) else base64.b64encode(body).decode()
