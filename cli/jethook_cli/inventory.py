"""Where `get` and `describe` read objects from: the Kubernetes API, or NATS where a folder of files is the source.

Both give the same thing: objects as the Kubernetes API shows them, the dispatchers' half of the status included.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Protocol

from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, NoKeysError, NotFoundError

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, disconnect
from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.names import DEFAULT_POOL, OBJECTS_BUCKET, status_bucket
from jethook_contract.status import StatusRecord, status_key

Object = dict[str, Any]
GROUP = "jethook.io"
VERSION = "v1alpha1"
PLURALS = {
    "WebhookEndpoint": "webhookendpoints",
    "Subscription": "subscriptions",
    "DispatcherPool": "dispatcherpools",
}
_TIMEOUT_SECONDS = 10


class Inventory(Protocol):
    """List objects and what happened to them; `default_namespace` is the one that is meant when none is named."""

    default_namespace: str

    def objects(self, kind: str, *, namespace: str | None) -> list[Object]:
        """List one kind, sorted by namespace and name; None lists all namespaces."""

    def events(self, obj: Object) -> list[Object]:
        """List the Kubernetes Events of an object, oldest first."""


class KubernetesInventory:
    """Read from the cluster of a kubeconfig."""

    def __init__(self, *, kubeconfig: Path | None, context: str | None) -> None:
        from kubernetes import client, config  # 0.5 s: only where it is used

        try:
            config.load_kube_config(  # type: ignore[no-untyped-call]  # the library is untyped here
                config_file=str(kubeconfig) if kubeconfig else None, context=context
            )
        except config.ConfigException as exc:
            raise Invalid(
                "NoCluster",
                "no cluster to ask: set KUBECONFIG or --kubeconfig, or name a standalone folder with --standalone",
            ) from exc
        self.default_namespace = _context_namespace(config, kubeconfig, context)
        self._client = client
        self._custom = client.CustomObjectsApi()
        self._core = client.CoreV1Api()

    def objects(self, kind: str, *, namespace: str | None) -> list[Object]:
        """List one kind from the API server."""
        plural = PLURALS[kind]
        if namespace is None:
            found = self._call(self._custom.list_cluster_custom_object, GROUP, VERSION, plural)
        else:
            found = self._call(self._custom.list_namespaced_custom_object, GROUP, VERSION, namespace, plural)
        items: list[Object] = [{"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, **item} for item in found["items"]]
        return sorted(items, key=_place)

    def events(self, obj: Object) -> list[Object]:
        """List the Events that name the object."""
        meta = obj["metadata"]
        selector = f"involvedObject.name={meta['name']},involvedObject.kind={obj['kind']}"
        found = self._call(self._core.list_namespaced_event, meta["namespace"], field_selector=selector)
        plain: list[Object] = self._client.ApiClient().sanitize_for_serialization(found)["items"]  # type: ignore[no-untyped-call]  # as above
        return sorted(plain, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")

    def _call(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        from urllib3.exceptions import HTTPError

        try:
            return call(*args, _request_timeout=_TIMEOUT_SECONDS, **kwargs)
        except self._client.ApiException as exc:
            hint = "are the CRDs applied? kubectl apply -f crds/" if exc.status == 404 else _api_message(exc.body)  # noqa: PLR2004
            raise Unavailable("APIServer", f"the API server answers {exc.status}: {hint}") from exc
        except HTTPError as exc:
            raise Unavailable("APIServer", f"the API server does not answer: {type(exc).__name__}") from exc


class NatsInventory:
    """Read what the operator and the dispatchers of a standalone installation left in NATS."""

    default_namespace = "default"
    ELSEWHERE = (
        "the objects of a cluster are shown without --nats, JETHOOK_NATS_URL, --standalone and JETHOOK_STANDALONE"
    )

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings

    def objects(self, kind: str, *, namespace: str | None) -> list[Object]:
        """List one kind; the dispatchers' report is merged into the operator's status."""
        return asyncio.run(self._objects(kind, namespace=namespace))

    def events(self, obj: Object) -> list[Object]:  # noqa: ARG002 -- the Protocol's argument
        """Give none: without Kubernetes, events are lines of the operator's log."""
        return []

    async def _objects(self, kind: str, *, namespace: str | None) -> list[Object]:
        client = await connect(self._settings, hooks=ConnectionHooks())
        try:
            js = client.jetstream(timeout=_TIMEOUT_SECONDS)
            found = [await _with_report(js, item) for item in await _stored(js, kind)]
        finally:
            await disconnect(client)
        wanted = [item for item in found if namespace is None or item["metadata"].get("namespace") == namespace]
        return sorted(wanted, key=_place)


async def _stored(js: JetStreamContext, kind: str) -> list[Object]:
    try:
        bucket = await js.key_value(OBJECTS_BUCKET)
        keys = [key for key in await bucket.keys() if key.startswith(f"{kind}.")]
        return [json.loads((await bucket.get(key)).value or b"{}") for key in keys]
    except (BucketNotFoundError, NotFoundError) as exc:
        raise Unavailable(
            "NoOperator", "this NATS holds no objects: does the operator run with --provider files?"
        ) from exc
    except NoKeysError:
        return []


async def _with_report(js: JetStreamContext, obj: Object) -> Object:
    if obj["kind"] == "DispatcherPool":
        return obj
    meta, spec, status = obj["metadata"], obj.get("spec", {}), dict(obj.get("status") or {})
    pool = spec.get("poolRef", {}).get("name") or DEFAULT_POOL
    record = await _report(js, pool, status_key(obj["kind"], meta["namespace"], meta["name"]))
    if record is not None:
        status["delivery"] = record.delivery.model_dump(mode="json", by_alias=True, exclude_none=True)
        if record.condition is not None:
            condition = record.condition.model_dump(mode="json", by_alias=True, exclude_none=True)
            status["conditions"] = [*status.get("conditions", []), {"type": "Delivering", **condition}]
    return {**obj, "status": status}


async def _report(js: JetStreamContext, pool: str, key: str) -> StatusRecord | None:
    try:
        entry = await (await js.key_value(status_bucket(pool))).get(key)
    except (BucketNotFoundError, KeyNotFoundError, NotFoundError):
        return None
    return StatusRecord.decode(entry.value) if entry.value else None


def _context_namespace(config: Any, kubeconfig: Path | None, context: str | None) -> str:
    contexts, active = config.list_kube_config_contexts(config_file=str(kubeconfig) if kubeconfig else None)
    chosen = next((one for one in contexts if one["name"] == context), active)
    return str(chosen["context"].get("namespace") or "default")


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _api_message(body: object) -> str:
    try:
        return str(json.loads(str(body))["message"])
    except (ValueError, KeyError, TypeError):
        return "no reason given"
