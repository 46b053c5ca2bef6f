"""What lists and watches of the Kubernetes API show, brought into one order: the newer resource version wins.

A watch and a list run beside each other, and kopf handles a deleted object and its re-created namesake independently;
so neither may overwrite what is newer. Source: Kubernetes API concepts, "Resource versions": comparable as integers
within one kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog

from jethook_operator.core.resources import Key, Kind
from jethook_operator.shell.delivery_watch import DeliveryWatch
from jethook_operator.shell.kube_kinds import GROUP, VERSION, secret_value
from jethook_operator.shell.provider import Intake

Json = dict[str, Any]
_log = structlog.get_logger(__name__)


class KubeSource:
    """Pass on to the intake what is new, and every status to `deliveries`.

    Pools of other namespaces than the operator's are not seen at all.
    """

    def __init__(self, intake: Intake, *, operator_namespace: str, deliveries: DeliveryWatch) -> None:
        self.intake = intake
        self._deliveries = deliveries
        self._operator_namespace = operator_namespace
        self._versions: dict[Key, int] = {}
        self._deleted: dict[Key, int] = {}
        self._listed: dict[Kind, int] = {}

    def seen(self, kind: Kind, raw: Json) -> None:
        """Take in an object that exists."""
        key, version = _identity(kind, raw)
        if self._is_foreign(key) or version <= self._latest(key):
            return
        self._deleted.pop(key, None)
        self._versions[key] = version
        known = self.intake.store.raw(key)
        if known is not None and known["metadata"].get("uid") != raw["metadata"].get("uid"):
            self.intake.store.forget_namespace_uid(key.namespace)  # a namesake: perhaps in a new namespace
        if kind == "Secret":
            self.intake.put_secret(secret_value(raw))
        else:
            self.intake.put(_without_ballast(kind, raw))
            self._deliveries.seen(key, uid=raw["metadata"].get("uid", ""), status=raw.get("status") or {})

    def gone(self, kind: Kind, raw: Json) -> None:
        """Take note that an object was deleted, or lost the label that makes it seen."""
        key, version = _identity(kind, raw)
        if version >= self._latest(key):
            self._forget(key)
            self._deleted[key] = version

    def listed(self, kind: Kind, items: Iterable[Json], *, version: str) -> None:
        """Take in a complete list: what it does not hold is gone, unless it came after the list was made."""
        at = int(version)
        self._notice_a_restored_server(kind, at)
        present = set()
        for raw in items:
            present.add(_identity(kind, raw)[0])
            self.seen(kind, raw)
        for key in [k for k in self._versions if k.kind == kind and k not in present]:
            if self._versions[key] <= at:
                self._forget(key)
        self._deleted = {k: v for k, v in self._deleted.items() if k.kind != kind or v > at}
        self._listed[kind] = at
        self.intake.mark_synced(kind)

    def _is_foreign(self, key: Key) -> bool:
        return key.kind == "DispatcherPool" and key.namespace != self._operator_namespace

    def _latest(self, key: Key) -> int:
        return max(self._versions.get(key, -1), self._deleted.get(key, -1))

    def _forget(self, key: Key) -> None:
        self._versions.pop(key, None)
        self.intake.remove(key)
        self._deliveries.forget(key)
        self.intake.store.forget_namespace_uid(key.namespace)  # it may have been the namespace that went

    def _notice_a_restored_server(self, kind: Kind, at: int) -> None:
        if at < self._listed.get(kind, -1):
            _log.warning("resource_versions_went_back", kind=kind, cure="none needed: everything is read anew")
            self._versions = {k: -1 if k.kind == kind else v for k, v in self._versions.items()}
            self._deleted = {k: v for k, v in self._deleted.items() if k.kind != kind}


def _identity(kind: Kind, raw: Json) -> tuple[Key, int]:
    metadata = raw["metadata"]
    return Key(kind, metadata["namespace"], metadata["name"]), int(metadata["resourceVersion"])


def _without_ballast(kind: Kind, raw: Json) -> Json:
    metadata = {name: value for name, value in raw["metadata"].items() if name != "managedFields"}
    return {"apiVersion": f"{GROUP}/{VERSION}", **raw, "kind": kind, "metadata": metadata}
