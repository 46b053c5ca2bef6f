"""Write what a CEL expression gives as JSON.

Times are RFC 3339 texts, durations seconds with an `s` as in Protocol Buffers' JSON, bytes base64.
"""

from __future__ import annotations

import base64
from datetime import timedelta

import orjson

from jethook_contract.errors import Invalid


def json_bytes(value: object) -> bytes:
    """Write a value; raises Invalid `NotJSON` for one that JSON does not have."""
    try:
        return orjson.dumps(value, default=_other, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError) as exc:
        raise Invalid("NotJSON", "a value has no JSON form; convert it, as in string(x)") from exc


def json_text(value: object) -> str:
    """Write a value within a text: a text as it is, everything else as JSON without quotes around it."""
    if isinstance(value, str):
        return value
    written = json_bytes(value)
    loaded = orjson.loads(written) if written.startswith(b'"') else None
    return loaded if isinstance(loaded, str) else written.decode()


def _other(value: object) -> str:
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError
