"""Read the events that a request carries: structured, binary or batched CloudEvents, or plain JSON.

Source: CloudEvents HTTP Protocol Binding 1.0.2, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from jethook_contract.attributes import shown
from jethook_contract.cloudevents import (
    BATCH_CONTENT_TYPE,
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    MAX_EVENT_BYTES,
    STRUCTURED_CONTENT_TYPE,
    parse_binary,
    parse_structured,
)
from jethook_contract.errors import Invalid
from jethook_contract.event import CloudEvent
from jethook_contract.json_text import check_json, read_array

TYPE_HEADER = "jethook-event-type"
SOURCE_HEADER = "jethook-event-source"
ID_HEADER = "jethook-event-id"
SUBJECT_HEADER = "jethook-event-subject"
PLAIN_SOURCE = "/jethook/gateway"


@dataclass(frozen=True, slots=True)
class Received:
    """What came: an event, or what is wrong with it, each at its place in the request."""

    events: tuple[CloudEvent | Invalid, ...]
    batched: bool


def max_body_bytes(content_type: str | None) -> int:
    """Say how much of a body is read, by its content type."""
    return MAX_BATCH_BYTES if _media_type(content_type) == BATCH_CONTENT_TYPE else MAX_EVENT_BYTES


def read_request(headers: Mapping[str, str], body: bytes, *, new_id: Callable[[], str]) -> Received:
    """Read the events; raises Invalid for a request that holds none at all.

    `headers`: names in lower case. `new_id`: makes the id of plain JSON that names none. Of a batch each bad event is
    told at its place; elsewhere the one event's fault is raised.
    """
    media_type = _media_type(headers.get("content-type"))
    if media_type == BATCH_CONTENT_TYPE:
        return Received(tuple(_batched(body)), batched=True)
    if media_type == STRUCTURED_CONTENT_TYPE:
        return Received((parse_structured(body),), batched=False)
    if "ce-specversion" in headers:
        return Received((parse_binary(headers, body),), batched=False)
    if TYPE_HEADER in headers and media_type == "application/json":
        return Received((_plain(headers, body, new_id=new_id),), batched=False)
    raise Invalid(
        "UnknownContentType",
        f"content-type {shown(media_type or 'none')} is no CloudEvent: send {STRUCTURED_CONTENT_TYPE},"
        f" {BATCH_CONTENT_TYPE}, ce-* headers, or JSON with the header {TYPE_HEADER}",
    )


def _batched(body: bytes) -> Sequence[CloudEvent | Invalid]:
    if len(body) > MAX_BATCH_BYTES:
        raise Invalid("BatchTooLarge", f"the batch has {len(body)} bytes, at most {MAX_BATCH_BYTES} are accepted")
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        raise Invalid("InvalidUTF8", f"the batch is no UTF-8 at byte {exc.start}") from exc
    return [_event(element) for element in read_array(text, max_elements=MAX_BATCH_EVENTS)]


def _event(text: str) -> CloudEvent | Invalid:
    try:
        return parse_structured(text.encode())
    except Invalid as exc:
        return exc


def _plain(headers: Mapping[str, str], body: bytes, *, new_id: Callable[[], str]) -> CloudEvent:
    try:
        check_json(body.decode())
    except UnicodeDecodeError as exc:
        raise Invalid("InvalidUTF8", f"the body is no UTF-8 at byte {exc.start}") from exc
    return CloudEvent(
        id=headers[ID_HEADER] if ID_HEADER in headers else new_id(),
        source=headers.get(SOURCE_HEADER, PLAIN_SOURCE),
        type=headers[TYPE_HEADER],
        subject=headers.get(SUBJECT_HEADER),
        datacontenttype="application/json",
        data=body,
    )


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()
