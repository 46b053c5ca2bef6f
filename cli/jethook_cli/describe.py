"""`jethook describe`: all that is known of one object, in the order in which a person asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from jethook_cli import options, table
from jethook_cli.get import kind_of, one, open_inventory
from jethook_cli.inventory import Object

_INDENT = "  "


def describe(
    noun: Annotated[str, typer.Argument(help="endpoint, subscription or pool (or whe, whsub, whpool).")],
    name: Annotated[str, typer.Argument(help="The object's name.")],
    namespace: options.Namespace = None,
    nats: options.NatsUrls = None,
    standalone: options.StandaloneFolder = None,
    nats_credentials: options.NatsCredentials = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
) -> None:
    """Explain one endpoint, subscription or pool: its spec, conditions, delivery and events."""
    kind = kind_of(noun)
    inventory = open_inventory(nats, standalone, nats_credentials, kubeconfig=kubeconfig, context=context)
    obj = one(inventory.objects(kind, namespace=namespace or inventory.default_namespace), kind, name)
    print("\n".join(_lines(obj, inventory.events(obj))))


def _lines(obj: Object, events: list[Object]) -> list[str]:
    meta, status = obj["metadata"], obj.get("status") or {}
    lines = [f"Name:       {meta['name']}", f"Namespace:  {meta.get('namespace', '-')}", f"Kind:       {obj['kind']}"]
    lines += ["Spec:", *_tree(obj.get("spec", {}), depth=1)]
    lines += ["Conditions:", *_conditions(status.get("conditions", []))]
    if "delivery" in status:
        lines += ["Delivery:", *_tree(status["delivery"], depth=1)]
    rest = {key: status[key] for key in ("url", "types", "consumer") if key in status}
    if rest:
        lines += ["Programmed:", *_tree(rest, depth=1)]
    return [*lines, *_events(events)]


def _tree(value: Any, *, depth: int) -> list[str]:
    lines: list[str] = []
    pairs = value.items() if isinstance(value, dict) else (("-", item) for item in value)
    for key, item in pairs:
        label = f"{_INDENT * depth}{_title(key)}:" if key != "-" else f"{_INDENT * depth}-"
        if isinstance(item, dict | list) and item:
            lines += [label, *_tree(item, depth=depth + 1)]
        else:
            lines.append(f"{label} {item}")
    return lines


def _title(key: str) -> str:
    spaced = "".join(f" {c}" if c.isupper() else c for c in key)
    return spaced[:1].upper() + spaced[1:]


def _conditions(conditions: list[Object]) -> list[str]:
    cells = [[c["type"], c["status"], c.get("reason", ""), c.get("message", "")] for c in conditions]
    return [_INDENT + line for line in table.layout(cells).splitlines()] if cells else [f"{_INDENT}none yet"]


def _events(events: list[Object]) -> list[str]:
    if not events:
        return []
    now = datetime.now(UTC)
    cells = [
        [
            event.get("type", ""),
            event.get("reason", ""),
            table.age(event.get("lastTimestamp") or event.get("eventTime") or "", now=now),
            event.get("source", {}).get("component") or event.get("reportingComponent", ""),
            event.get("message", ""),
        ]
        for event in events
    ]
    return ["Events:", *(_INDENT + line for line in table.layout(cells).splitlines())]
