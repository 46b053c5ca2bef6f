"""`jethook get`: the same columns as `kubectl get`, in a cluster and standalone."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from jethook_cli import options, table
from jethook_cli.inventory import Inventory, KubernetesInventory, NatsInventory, Object
from jethook_contract.errors import Invalid

_WATCH_SECONDS = 1.0
_KINDS = {
    "endpoint": "WebhookEndpoint", "endpoints": "WebhookEndpoint", "whe": "WebhookEndpoint",
    "webhookendpoint": "WebhookEndpoint", "webhookendpoints": "WebhookEndpoint",
    "subscription": "Subscription", "subscriptions": "Subscription", "whsub": "Subscription",
    "pool": "DispatcherPool", "pools": "DispatcherPool", "whpool": "DispatcherPool",
    "dispatcherpool": "DispatcherPool", "dispatcherpools": "DispatcherPool",
}  # fmt: skip


def get(
    noun: Annotated[str, typer.Argument(help="endpoints, subscriptions or pools (or whe, whsub, whpool).")],
    name: Annotated[str | None, typer.Argument(help="One object's name.")] = None,
    output: Annotated[options.Output | None, typer.Option("--output", "-o", help="Form of the output.")] = None,
    selector: Annotated[str | None, typer.Option("--selector", "-l", help="Labels, e.g. team=shop,tier!=test.")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on and print what changes.")] = False,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Every namespace.")] = False,
    namespace: options.Namespace = None,
    nats: options.NatsUrls = None,
    standalone: options.StandaloneFolder = None,
    nats_credentials: options.NatsCredentials = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
) -> None:
    """Show endpoints, subscriptions or pools, and how delivery goes."""
    kind = kind_of(noun)
    inventory = open_inventory(nats, standalone, nats_credentials, kubeconfig=kubeconfig, context=context)
    wanted = None if all_namespaces else namespace or inventory.default_namespace

    def read() -> list[Object]:
        found = [obj for obj in inventory.objects(kind, namespace=wanted) if _matches(obj, selector)]
        return found if name is None else [one(found, kind, name)]

    objects = read()
    if objects and output in {None, options.Output.WIDE}:
        table.show(_table(objects, kind, output, wide_open=all_namespaces))
    else:
        print(_rendered(objects, kind, output, wide_open=all_namespaces, single=name is not None))
    if not objects and isinstance(inventory, NatsInventory):
        print(f"this looked into NATS, since one was named; {NatsInventory.ELSEWHERE}", file=sys.stderr)
    if watch:
        _follow(read, kind, output, wide_open=all_namespaces, seen=objects)


def kind_of(noun: str) -> str:
    """Give the kind that a noun names, or raise a usage error."""
    try:
        return _KINDS[noun.lower()]
    except KeyError:
        raise typer.BadParameter(
            f"no such thing as {noun!r}; try endpoints, subscriptions or pools", param_hint="NOUN"
        ) from None


def open_inventory(
    nats: list[str] | None, standalone: Any, credentials: Any, *, kubeconfig: Any, context: str | None
) -> Inventory:
    """Choose where to read from: NATS when it was named, otherwise the cluster."""
    if nats or standalone is not None:
        return NatsInventory(options.nats_settings(nats, standalone, credentials))
    return KubernetesInventory(kubeconfig=kubeconfig, context=context)


def one(objects: list[Object], kind: str, name: str) -> Object:
    """Pick an object by name, or raise Invalid `NotFound`."""
    for obj in objects:
        if obj["metadata"]["name"] == name:
            return obj
    known = ", ".join(sorted(obj["metadata"]["name"] for obj in objects)[:10]) or "none"
    raise Invalid("NotFound", f"there is no {kind} {name!r} here; there is: {known}")


def columns_of(kind: str, output: options.Output | None) -> list[Any]:
    """Give the printer columns of a kind; the wide ones only when asked for."""
    from jethook_operator.api.columns import COLUMNS  # the models cost 0.2 s

    return [column for column in COLUMNS[kind] if output is options.Output.WIDE or column.priority == 0]


def _rendered(
    objects: list[Object], kind: str, output: options.Output | None, *, wide_open: bool, single: bool = False
) -> str:
    if output is options.Output.NAME:
        return "\n".join(f"{kind.lower()}.jethook.io/{obj['metadata']['name']}" for obj in objects)
    if output in {options.Output.JSON, options.Output.YAML}:
        whole = objects[0] if single else {"apiVersion": "v1", "kind": "List", "items": objects}
        return _as_text(whole, output)
    if not objects:
        return f"no {kind} found" if output is None else ""
    return table.layout(_table(objects, kind, output, wide_open=wide_open))


def _table(objects: list[Object], kind: str, output: options.Output | None, *, wide_open: bool) -> list[list[str]]:
    place = "shown" if wide_open else "hidden"
    return table.rows(objects, columns_of(kind, output), namespaces=place, now=datetime.now(UTC))


def _as_text(whole: Object, output: options.Output) -> str:
    if output is options.Output.JSON:
        return json.dumps(whole, indent=2)
    import yaml

    return yaml.safe_dump(whole, sort_keys=False).rstrip()


def _follow(read: Any, kind: str, output: options.Output | None, *, wide_open: bool, seen: list[Object]) -> None:
    """Print each object again when it changes, until Ctrl-C."""
    known = {_identity(obj): obj for obj in seen}
    try:
        while True:
            time.sleep(_WATCH_SECONDS)
            objects = read()
            changed = [obj for obj in objects if known.get(_identity(obj)) != obj]
            known = {_identity(obj): obj for obj in objects}
            if changed:
                text = _rendered(changed, kind, output, wide_open=wide_open)
                print("\n".join(text.splitlines()[1:]) if output in {None, options.Output.WIDE} else text, flush=True)
    except KeyboardInterrupt:
        return


def _identity(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _matches(obj: Object, selector: str | None) -> bool:
    labels = obj["metadata"].get("labels") or {}
    for term in (selector or "").split(","):
        if not term:
            continue
        key, negated, value = _term(term)
        if (labels.get(key) == value) is negated:
            return False
    return True


def _term(term: str) -> tuple[str, bool, str]:
    for operator, negated in (("!=", True), ("==", False), ("=", False)):
        key, found, value = term.partition(operator)
        if found:
            return key.strip(), negated, value.strip()
    raise typer.BadParameter(f"{term!r} is not key=value or key!=value", param_hint="--selector")
