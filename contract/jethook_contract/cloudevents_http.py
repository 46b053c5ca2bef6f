"""CloudEvents as headers and a body: binary mode of HTTP, and of NATS, which takes over its rules.

Source: HTTP Protocol Binding 1.0.2, sections 3.1.1 to 3.1.3. The NATS binding after 1.0.2 calls the content type
`ce-datacontenttype`; both spellings are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from jethook_contract.attributes import MAX_ATTRIBUTES, MAX_VALUE_CHARACTERS, shown
from jethook_contract.errors import Invalid
from jethook_contract.event import (
    CORE,
    MAX_EVENT_BYTES,
    REQUIRED,
    CloudEvent,
    DataForm,
    Scalar,
    is_json,
    is_text,
    too_large,
)
from jethook_contract.json_text import check_json

PREFIX = "ce-"
CONTENT_TYPE = "content-type"
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_ESCAPED = re.compile(r"\\(.)")
_LONGEST_ENCODING = 12  # header characters for one character: four bytes of UTF-8, each as %XX


def parse_binary(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """Read an event from headers (names in any case) and body; an empty body is no data.

    All extensions are strings, since headers know nothing else. Raises Invalid as `parse_structured` does.
    """
    if len(body) > MAX_EVENT_BYTES:
        raise too_large(len(body))
    attributes = _read_attributes(headers)
    for name in REQUIRED:
        if name not in attributes:
            raise Invalid("MissingAttribute", f"header {PREFIX}{name}: it is missing; every CloudEvent has one")
    core = {name: value for name, value in attributes.items() if name in CORE}
    extensions: dict[str, Scalar] = {name: value for name, value in attributes.items() if name not in CORE}
    return CloudEvent(
        **core,
        extensions=extensions,
        data=body or None,
        data_form=_form_of(body, datacontenttype=attributes.get("datacontenttype")),
    )


def to_binary(event: CloudEvent) -> tuple[dict[str, str], bytes]:
    """Write an event as headers (lower-case names) and body.

    JSON data without a content type is given the one that the JSON format implies.
    """
    attributes = event.attributes()
    content_type = attributes.pop("datacontenttype", None)
    headers = {PREFIX + name: _encoded(value) for name, value in attributes.items()}
    if content_type is None and event.data is not None and event.data_form == "JSON":
        content_type = "application/json"
    if content_type is not None:
        headers[CONTENT_TYPE] = str(content_type)
    return headers, event.data or b""


def _read_attributes(headers: Mapping[str, str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    content_type: str | None = None
    for header, text in headers.items():
        lower = header.lower()
        if lower == CONTENT_TYPE:
            content_type = text.strip()
        elif lower.startswith(PREFIX):
            name = lower.removeprefix(PREFIX)
            if name in attributes:
                raise Invalid("DuplicateMember", f"header {shown(lower)}: it comes twice; leave one out")
            attributes[name] = _decoded(lower, text)
            if len(attributes) > MAX_ATTRIBUTES:
                raise Invalid("TooManyAttributes", f"the event has more than {MAX_ATTRIBUTES} attributes")
    if content_type is not None and attributes.setdefault("datacontenttype", content_type) != content_type:
        raise Invalid("DuplicateMember", "headers content-type and ce-datacontenttype differ; leave the latter out")
    return attributes


def _decoded(header: str, text: str) -> str:
    if len(text) > _LONGEST_ENCODING * MAX_VALUE_CHARACTERS:
        raise Invalid("BadAttributeValue", f"header {shown(header)}: it is too long; put it into data")
    text = text.strip(" \t")
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        text = _ESCAPED.sub(r"\1", text[1:-1])
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as exc:
        raise Invalid("InvalidUTF8", f"header {shown(header)}: what is percent-encoded there is not UTF-8") from exc


def _encoded(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(value, safe=_SAFE) if isinstance(value, str) else str(value)


def _form_of(body: bytes, *, datacontenttype: str | None) -> DataForm:
    try:
        if is_json(datacontenttype):
            check_json(body)
            return "JSON"
        if is_text(datacontenttype):
            body.decode()
            return "Text"
    except (Invalid, UnicodeDecodeError):
        return "Octets"
    return "Octets"
