"""Read the event that a NATS message holds."""

from __future__ import annotations

from collections.abc import Mapping

from jethook_contract.attributes import shown
from jethook_contract.cloudevents import (
    BATCH_CONTENT_TYPE,
    STRUCTURED_CONTENT_TYPE,
    CloudEvent,
    parse_binary,
    parse_structured,
)
from jethook_contract.errors import Invalid

_CONTENT_TYPE = "content-type"
_SPECVERSION = "ce-specversion"


def parse_message(headers: Mapping[str, str] | None, body: bytes) -> CloudEvent:
    """Read a structured event (JSON, the default), or a binary one when a header `ce-specversion` is there.

    `headers` as NATS gives them, names in any case; None for none. Raises Invalid `BatchNotAccepted` for a batch,
    `UnknownContentType` for what is neither, and what `parse_structured` does.
    """
    if not headers:
        return parse_structured(body)
    names = {name.lower(): name for name in headers}
    content_type = headers[names[_CONTENT_TYPE]] if _CONTENT_TYPE in names else STRUCTURED_CONTENT_TYPE
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == STRUCTURED_CONTENT_TYPE and (_CONTENT_TYPE in names or _SPECVERSION not in names):
        return parse_structured(body)
    if media_type == BATCH_CONTENT_TYPE:
        raise Invalid("BatchNotAccepted", "a message holds one event; publish each event of a batch by itself")
    if _SPECVERSION in names:
        return parse_binary(headers, body)
    raise Invalid(
        "UnknownContentType",
        f"header content-type: {shown(content_type)} is no CloudEvent; set it to {STRUCTURED_CONTENT_TYPE}, or add the"
        f" header {_SPECVERSION} and the other attributes",
    )
