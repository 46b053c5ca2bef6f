"""Tell which records of dispatchers may be left of objects that are gone: attempt counts, gates, reports."""

from __future__ import annotations

from dataclasses import dataclass

from jethook_contract.gate import gate_key
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
    """Read the key `<namespace>.<subscription>`, or the one that `gate_key` writes; None for what is neither."""
    namespace, _, name = key.partition(".")
    endpoint = name.partition(".")[0]
    if namespace and endpoint and key == gate_key(namespace, endpoint):
        return RecordPlace(bucket=bucket, key=key, of=Key("WebhookEndpoint", namespace, endpoint))
    if not namespace or not name or "." in name:
        return None
    return RecordPlace(bucket=bucket, key=key, of=Key("Subscription", namespace, name))


def status_record(bucket: str, key: str) -> RecordPlace | None:
    """Read the key that `status_key` writes; None for what is no such key."""
    prefix, namespace, name = (*key.split(".", 2), "", "")[:3]
    kind = _STATUS_PREFIXES.get(prefix)
    if kind is None or not namespace or not name or "." in name:
        return None
    return RecordPlace(bucket=bucket, key=key, of=Key(kind, namespace, name))
