"""The plan keys of pools whose Deployment is the operator's: one Secret a pool, mounted by its pods, made when missing.

A Secret that is there is never written: whoever rotates a key writes it. It is read at each full look at its pool.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr

from jethook_contract.errors import Invalid, Unavailable, Waiting
from jethook_contract.sealing import KeyRing
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.core.pool_children import owner_reference
from jethook_operator.core.pool_settings import PLAN_KEY_FIELD, labels, plan_key_name
from jethook_operator.core.resources import Key, ResourceReader
from jethook_operator.shell.kube import Json, KubeApi
from jethook_operator.shell.kube_children import found_or_none

_log = structlog.get_logger(__name__)


class PlanKeys:
    """Hold the keys of all pools as last read; `changed` is called with a pool's key when its ring is another one.

    `folder`: where keys lay before the operator made Secrets; such a key goes into the Secret that is missing.
    """

    def __init__(
        self,
        api: KubeApi,
        *,
        namespace: str,
        reader: ResourceReader,
        folder: Path | None,
        changed: Callable[[Key], None],
    ) -> None:
        self._api = api
        self._collection = f"/api/v1/namespaces/{namespace}/secrets"
        self._namespace = namespace
        self._reader = reader
        self._folder = folder
        self._changed = changed
        self._texts: dict[str, str] = {}

    def ring(self, pool: str) -> KeyRing:
        """Give a pool's ring; raises Waiting `NoPlanKey`, Unavailable `PlanKeyNotRead`, Invalid when it is no key."""
        text = self._texts.get(pool)
        if text is not None:
            return KeyRing(SecretStr(text))
        if self._reader.pool(pool) is None:
            raise Waiting("NoPlanKey", f'there is no DispatcherPool "{pool}", so no plan key; create the pool')
        raise Unavailable("PlanKeyNotRead", f"Secret {plan_key_name(pool)} has not been read yet")

    async def load(self, pools: Iterable[str]) -> None:
        """Read the keys of pools, before the first object is reconciled; what is not there is made with its pool."""
        for pool in pools:
            try:
                found = await found_or_none(self._api, self._path(pool))
                if found is not None:
                    self._texts[pool] = _text(found)
            except (Unavailable, Invalid) as exc:
                _log.warning("plan_key_not_read", pool=pool, reason=exc.reason, message=exc.message)

    async def ensure(self, pool: DispatcherPool) -> None:
        """Have the Secret of a pool, and read it. Raises Unavailable, and Invalid when it holds no key."""
        name = pool.metadata.name
        found = await found_or_none(self._api, self._path(name))
        if found is None:
            found = await self._make(pool)
        text = _text(found)
        KeyRing(SecretStr(text))
        if self._texts.get(name) != text:
            self._texts[name] = text
            self._changed(Key("DispatcherPool", self._namespace, name))

    def forget(self, pool: str) -> None:
        """Forget the key of a pool that is gone."""
        self._texts.pop(pool, None)

    async def _make(self, pool: DispatcherPool) -> Json:
        name = pool.metadata.name
        text = self._from_folder(name) or KeyRing.generate()
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": plan_key_name(name),
                "namespace": self._namespace,
                "labels": labels(name),
                "ownerReferences": [owner_reference(pool)],
            },
            "stringData": {PLAN_KEY_FIELD: text.get_secret_value()},
        }
        try:
            made = await self._api.create(self._collection, body)
        except Unavailable as exc:
            if exc.reason == "Conflict":  # somebody made it this moment
                return await self._api.get(self._path(name))
            if exc.reason not in {"Forbidden", "Refused", "NotFound"}:
                raise
            text_of = f"Secret {plan_key_name(name)} cannot be made: {exc.message}"
            raise Unavailable("ChildRefused", text_of) from exc
        _log.info("plan_key_made", pool=name, name=plan_key_name(name))
        return made

    def _from_folder(self, pool: str) -> SecretStr | None:
        try:
            return None if self._folder is None else SecretStr((self._folder / pool).read_text())
        except (OSError, UnicodeDecodeError):
            return None

    def _path(self, pool: str) -> str:
        return f"{self._collection}/{plan_key_name(pool)}"


def _text(secret: Json) -> str:
    name = secret["metadata"]["name"]
    try:
        return base64.b64decode(secret["data"][PLAN_KEY_FIELD], validate=True).decode()
    except (KeyError, TypeError, binascii.Error, UnicodeDecodeError):
        fault = f"Secret {name} has no text under the key {PLAN_KEY_FIELD}; write Fernet keys there, one a line"
        raise Invalid("NoPlanKey", fault) from None
