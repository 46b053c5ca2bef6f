"""API keys: who a client is, and what he may do. Only hashes of keys are held.

A key is 20 characters or more, made by chance, so one round of SHA-256 hides it as well as a slow hash would, and a
request costs no more for it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from jethook_contract.errors import Invalid

PREFIX = "jhk_"
MAX_KEYS = 10_000
MAX_KEY_CHARACTERS = 256
ALL_NAMESPACES = "*"

_BEARER = re.compile(r"[Bb]earer +([!-~]{1,256})")

Namespace = Annotated[str, Field(pattern=r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$", max_length=63)]


class ApiKey(BaseModel):
    """One client.

    `name`: for the log and the limits. `sha256`: of the key, in hexadecimal. `namespaces`: into which he may publish,
    `*` for all. `requests_per_second`, `burst`: how fast; the burst is that of the rate when it is not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    namespaces: Annotated[tuple[Namespace, ...], Field(min_length=1, max_length=100)]
    requests_per_second: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    burst: Annotated[int | None, Field(ge=1, le=1_000_000)] = None

    def may_publish(self, namespace: str) -> bool:
        """Tell whether he may publish into a namespace."""
        return namespace in self.namespaces or ALL_NAMESPACES in self.namespaces


class KeyRing:
    """All keys, found by their hash; raises Invalid `BadKeys` when two have the same name or hash."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        given = tuple(keys)
        if len(given) > MAX_KEYS:
            raise Invalid("BadKeys", f"there are {len(given)} keys, at most {MAX_KEYS} are read")
        self._by_hash: Mapping[str, ApiKey] = {one.sha256: one for one in given}
        if len(self._by_hash) < len(given) or len({one.name for one in given}) < len(given):
            raise Invalid("BadKeys", "two keys have the same name or the same hash; remove one")

    def __len__(self) -> int:
        return len(self._by_hash)

    def client(self, authorization: str | None) -> ApiKey:
        """Find the client of an `Authorization` header; raises Invalid `Unauthenticated`."""
        found = _BEARER.fullmatch(authorization or "")
        if found is None:
            raise Invalid("Unauthenticated", "send an API key: Authorization: Bearer jhk_...")
        digest = hash_of(found[1])
        key = self._by_hash.get(digest)
        if key is None or not hmac.compare_digest(key.sha256, digest):
            raise Invalid("Unauthenticated", "the API key is not known here; have one made, or check which it is")
        return key


def hash_of(key: str) -> str:
    """Hash a key as the files hold it."""
    return hashlib.sha256(key.encode()).hexdigest()


def read_keys(document: object) -> KeyRing:
    """Read a file's content, `{keys: [...]}`; raises Invalid `BadKeys` that names the place."""
    entries = document.get("keys") if isinstance(document, dict) and set(document) == {"keys"} else None
    if not isinstance(entries, list):
        raise Invalid("BadKeys", "the file holds a mapping with `keys`, a list, and nothing else")
    found = []
    for index, entry in enumerate(entries):
        try:
            found.append(ApiKey.model_validate(entry))
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Invalid("BadKeys", f"keys[{index}].{place}: {first['msg']}") from None
    return KeyRing(found)
