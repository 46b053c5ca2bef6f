"""Tell which records of dispatchers may be left of objects that are gone: attempt counts, and reports on delivery."""

from __future__ import annotations

from dataclasses import dataclass

from jethook_contract.status import status_key
from jethook_operator.core.resources import Key, Kind

_STATUS_KINDS: tuple[Kind, ...] = ("Subscription", "WebhookEndpoint")
_STATUS_PREFIXES = {status_key(kind, "", "").partition(".")[0]: kind for kind in _STATUS_KINDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlace:
    """Where a record lies (`bucket`, `key`), and of which object it is."""

    bucket: str
    key: str
    of: Key


def retries_record(bucket: str, key: str) -> RecordPlace | None:
    """Read the key `<namespace>.<subscription>`; None for what is no such key."""
    namespace, _, name = key.partition(".")
    if not namespace or not name or "." in name:
        return None
    return RecordPlace(bucket=bucket, key=key, of=Key("Subscription", namespace, name))


def status_record(bucket: str, key: str) -> RecordPlace | None:
    """Read the key that `status_key` writes; None for what is no such key."""
    kind = _STATUS_PREFIXES.get(key.partition(".")[0])
    inner = retries_record(bucket, key.partition(".")[2])
    if kind is None or inner is None:
        return None
    return RecordPlace(bucket=bucket, key=key, of=Key(kind, inner.of.namespace, inner.of.name))
