"""The kinds that the operator watches, and where the Kubernetes API keeps them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from jethook_contract.names import SECRET_LABEL
from jethook_operator.core.resources import Kind, SecretValue

GROUP = "jethook.io"
VERSION = "v1alpha1"
SECRET_SELECTOR = f"{SECRET_LABEL}=true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """All objects of one kind; `selector` is a label selector that the server applies, empty for none."""

    kind: Kind
    group: str
    version: str
    plural: str
    selector: str = ""

    @property
    def path(self) -> str:
        """Give the path of the whole cluster's collection."""
        return f"{self._root}/{self.plural}"

    def object_path(self, namespace: str, name: str) -> str:
        """Give the path of one object."""
        return f"{self.namespace_path(namespace)}/{name}"

    def namespace_path(self, namespace: str) -> str:
        """Give the path of one namespace's collection."""
        return f"{self._root}/namespaces/{namespace}/{self.plural}"

    @property
    def _root(self) -> str:
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


COLLECTIONS: Mapping[Kind, Collection] = {
    "DispatcherPool": Collection(kind="DispatcherPool", group=GROUP, version=VERSION, plural="dispatcherpools"),
    "Secret": Collection(kind="Secret", group="", version="v1", plural="secrets", selector=SECRET_SELECTOR),
    "WebhookEndpoint": Collection(kind="WebhookEndpoint", group=GROUP, version=VERSION, plural="webhookendpoints"),
    "Subscription": Collection(kind="Subscription", group=GROUP, version=VERSION, plural="subscriptions"),
}


def secret_value(raw: Mapping[str, Any]) -> SecretValue:
    """Read a Secret as the API writes it; without the label its data stays behind. Values that are no text are left."""
    metadata = raw["metadata"]
    labelled = (metadata.get("labels") or {}).get(SECRET_LABEL) == "true"
    data = (raw.get("data") or {}) if labelled else {}
    decoded = {name: text for name, value in data.items() if (text := _text(value)) is not None}
    return SecretValue(metadata["namespace"], metadata["name"], labelled, decoded)


def _text(encoded: object) -> SecretStr | None:
    try:
        return SecretStr(base64.b64decode(str(encoded), validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        return None
