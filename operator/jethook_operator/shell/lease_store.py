"""The Lease in the Kubernetes API: read, and written over exactly the version that is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from jethook_contract.errors import Unavailable
from jethook_operator.core.election import Lease, Write

LEASE_NAME = "jethook-operator"
_API_VERSION = "coordination.k8s.io/v1"
_MICRO_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class Requests(Protocol):
    """The one way to the API server; `KubeApi` has it."""

    async def request(self, method: str, path: str, *, body: Mapping[str, object] | None = None) -> Mapping[str, Any]:
        """Make one request; raise Unavailable for whatever is no success."""


class LeaseStore:
    """Read and write one Lease; what others wrote into its metadata stays."""

    def __init__(self, api: Requests, *, namespace: str, name: str = LEASE_NAME) -> None:
        self._api = api
        self._collection = f"/apis/{_API_VERSION}/namespaces/{namespace}/leases"
        self._name = name
        self._namespace = namespace
        self._known: Mapping[str, Any] = {}

    async def read(self) -> tuple[Lease | None, str]:
        """Give the Lease and its resource version; None and an empty one when there is none. Raises Unavailable."""
        try:
            self._known = await self._api.request("GET", f"{self._collection}/{self._name}")
        except Unavailable as exc:
            if exc.reason != "NotFound":
                raise
            self._known = {}
            return None, ""
        return _parsed(self._known), self._known["metadata"]["resourceVersion"]

    async def write(self, step: Write) -> str:
        """Create or replace it, and give the version that this made. Raises Unavailable, `Conflict` among others."""
        metadata = {"name": self._name, "namespace": self._namespace}
        if step.version:
            metadata = {**self._known.get("metadata", {}), **metadata, "resourceVersion": step.version}
        body = {"apiVersion": _API_VERSION, "kind": "Lease", "metadata": metadata, "spec": _spec(step.lease)}
        method, path = ("PUT", f"{self._collection}/{self._name}") if step.version else ("POST", self._collection)
        self._known = await self._api.request(method, path, body=body)
        return str(self._known["metadata"]["resourceVersion"])


def _parsed(raw: Mapping[str, Any]) -> Lease:
    spec = raw.get("spec") or {}
    return Lease(
        holder=str(spec.get("holderIdentity") or ""),
        duration_seconds=int(spec.get("leaseDurationSeconds") or 0),
        acquired=_time(spec.get("acquireTime")),
        renewed=_time(spec.get("renewTime")),
        transitions=int(spec.get("leaseTransitions") or 0),
    )


def _spec(lease: Lease) -> dict[str, object]:
    spec: dict[str, object] = {
        "leaseDurationSeconds": lease.duration_seconds,
        "leaseTransitions": lease.transitions,
    }
    if lease.holder:  # an empty one is refused: a free Lease has none
        spec["holderIdentity"] = lease.holder
    if lease.acquired is not None:
        spec["acquireTime"] = lease.acquired.strftime(_MICRO_TIME)
    if lease.renewed is not None:
        spec["renewTime"] = lease.renewed.strftime(_MICRO_TIME)
    return spec


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
