"""CloudEvents in and out: the JSON format here, HTTP and NATS headers in `cloudevents_http.py`.

An event that was read from structured JSON and not changed is written back as the same bytes; `data` is exact to the
character also after a change of attributes. Source: JSON Event Format 1.0.2.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

import orjson

from jethook_contract.attributes import MAX_ATTRIBUTES, shown
from jethook_contract.cloudevents_http import parse_binary, to_binary
from jethook_contract.errors import Invalid
from jethook_contract.event import (
    CORE,
    MAX_EVENT_BYTES,
    REQUIRED,
    CloudEvent,
    DataForm,
    Scalar,
    is_json,
    too_large,
)
from jethook_contract.json_text import check_json, read_array, read_object, read_string, read_usual_object

__all__ = [
    "BATCH_CONTENT_TYPE",
    "MAX_BATCH_BYTES",
    "MAX_BATCH_EVENTS",
    "MAX_EVENT_BYTES",
    "STRUCTURED_CONTENT_TYPE",
    "CloudEvent",
    "parse_batch",
    "parse_binary",
    "parse_structured",
    "to_batch",
    "to_binary",
    "to_structured",
]

STRUCTURED_CONTENT_TYPE = "application/cloudevents+json"
BATCH_CONTENT_TYPE = "application/cloudevents-batch+json"
MAX_BATCH_BYTES = 8 * 1024 * 1024
MAX_BATCH_EVENTS = 1000

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_REQUIRED = frozenset(REQUIRED)
_LITERALS = {"true": True, "false": False}


def parse_structured(body: bytes) -> CloudEvent:
    """Read one event from JSON.

    Raises Invalid `EventTooLarge`, `InvalidUTF8`, `BadJSON`, `TooDeep`, `DuplicateMember`, `TooManyAttributes`,
    `MissingAttribute`, `BadSpecVersion`, `BadAttributeName`, `BadAttributeValue` or `BadData`.
    """
    if len(body) > MAX_EVENT_BYTES:
        raise too_large(len(body))
    return _read_event(_decoded(body)).with_envelope(body)


def parse_batch(body: bytes) -> list[CloudEvent]:
    """Read a JSON batch, which may be empty; raises what `parse_structured` does, `BatchTooLarge`, `TooManyEvents`."""
    if len(body) > MAX_BATCH_BYTES:
        raise Invalid("BatchTooLarge", f"the batch has {len(body)} bytes, at most {MAX_BATCH_BYTES} are accepted")
    elements = read_array(_decoded(body), max_elements=MAX_BATCH_EVENTS)
    return [parse_structured(element.encode()) for element in elements]


def to_structured(event: CloudEvent) -> bytes:
    """Write one event as JSON; the bytes it was read from when there are any.

    Raises Invalid `EventTooLarge`, and `BadJSON` or `InvalidUTF8` when the data is not what its form says.
    """
    if event.envelope is not None:
        return event.envelope
    head = orjson.dumps(event.attributes())
    body = head if event.data is None else b"%b,%b}" % (head[:-1], _data_member(event, event.data))
    if len(body) > MAX_EVENT_BYTES:
        raise too_large(len(body))
    return body


def to_batch(events: Iterable[CloudEvent]) -> bytes:
    """Write events as a JSON batch."""
    return b"[%b]" % b",".join(to_structured(event) for event in events)


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as exc:
        raise Invalid(
            "InvalidUTF8", f"the event is not UTF-8: byte {exc.start} cannot be read; encode it anew"
        ) from exc


def _read_event(text: str) -> CloudEvent:
    attributes, data, octets = _read_members(text)
    core: dict[str, Any] = {}
    extensions: dict[str, Scalar] = {}
    if attributes.keys() <= CORE and None not in attributes.values():
        core = attributes
    else:
        for name, value in attributes.items():
            if value is not None:
                (core if name in CORE else extensions)[name] = value
    if not core.keys() >= _REQUIRED:
        missing = next(name for name in REQUIRED if name not in core)
        raise Invalid("MissingAttribute", f"attribute {missing}: it is missing; every CloudEvent has one")
    if extensions:
        core["extensions"] = extensions
    content, form = _read_data(data, octets, datacontenttype=core.get("datacontenttype"))
    return CloudEvent(data=content, data_form=form, **core)


def _read_members(text: str) -> tuple[dict[str, Any], str | None, str | None]:
    usual = read_usual_object(text, last="data")
    if usual is not None and len(usual[0]) < MAX_ATTRIBUTES and "data_base64" not in usual[0]:
        return *usual, None
    members = read_object(text, max_members=MAX_ATTRIBUTES)
    data, octets = members.pop("data", None), members.pop("data_base64", None)
    return {name: _read_value(name, raw) for name, raw in members.items()}, data, octets


def _read_data(data: str | None, octets: str | None, *, datacontenttype: str | None) -> tuple[bytes | None, DataForm]:
    if octets is not None and octets != "null":
        if data is not None:
            raise Invalid("BadData", "the event has both data and data_base64; leave one out")
        return _read_octets(octets), "Octets"
    if data is None:
        return None, "JSON"
    if data.startswith('"') and not is_json(datacontenttype):
        return read_string(data).encode(), "Text"
    return data.encode(), "JSON"


def _read_value(name: str, raw: str) -> Scalar | None:
    if raw.startswith('"'):
        return read_string(raw)
    if raw == "null":
        return None
    if raw in _LITERALS:
        return _LITERALS[raw]
    if _INTEGER.fullmatch(raw) is None:
        raise Invalid(
            "BadAttributeValue",
            f"attribute {shown(name)}: it must be a string, a boolean or an integer of 64 bits; put others into data",
        )
    return int(raw)


def _read_octets(raw: str) -> bytes:
    try:
        return base64.b64decode(read_string(raw) if raw.startswith('"') else "?", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Invalid("BadData", "data_base64: it is no base64 string (RFC 4648, section 4)") from exc


def _data_member(event: CloudEvent, data: bytes) -> bytes:
    if event.data_form == "Octets":
        return b'"data_base64":"%b"' % base64.b64encode(data)
    if event.data_form == "JSON":
        check_json(data)
        return b'"data":%b' % data
    return b'"data":%b' % orjson.dumps(_decoded(data))
