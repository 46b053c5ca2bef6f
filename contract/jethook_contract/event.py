"""A CloudEvent, as all of Jethook passes it around.

Source: CloudEvents 1.0.2, sections "Context Attributes" and "Event Data".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import Literal

from jethook_contract.attributes import MAX_ATTRIBUTES, check_name, check_string, is_plain
from jethook_contract.errors import Invalid

MAX_EVENT_BYTES = 768 * 1024

Scalar = bool | int | str
DataForm = Literal["JSON", "Text", "Octets"]

REQUIRED = ("specversion", "id", "source", "type")
OPTIONAL = ("subject", "time", "datacontenttype", "dataschema")
CORE = frozenset(REQUIRED + OPTIONAL)

_TEXT_NAMES = (*REQUIRED[1:], *OPTIONAL)
_TEXTS = attrgetter(*_TEXT_NAMES)
_MAX_INTEGER = 2**63 - 1
_NO_EXTENSIONS: Mapping[str, Scalar] = MappingProxyType({})
_TIME = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt ](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"
    r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+*'-]+/[\w!#$&^.+*'-]+[ \t]*(?:;[ -~]*)?", re.ASCII)
_JSON_TYPE = re.compile(r"[^/;]+/(?:[^;]*\+)?json[ \t]*(?:;.*)?", re.IGNORECASE)
_TEXT_TYPE = re.compile(r"(?:text/[^;]+|[^/;]+/(?:[^;]*\+)?xml)[ \t]*(?:;.*)?", re.IGNORECASE)


# Not frozen, though nothing changes one: a frozen class takes twice as long to fill, and every delivery makes one.
@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class CloudEvent:
    """One event; what cannot be a CloudEvent cannot be made (Invalid).

    `time` is the RFC 3339 text as it came. `extensions` keep the JSON type of their values. `data` is what a body would
    hold: for `data_form` `JSON` the JSON text character by character, for `Text` UTF-8, for `Octets` anything; None
    when the event has no data. `data_form` says how it stands in a structured event: `JSON` as it is, `Text` as a
    string, `Octets` in `data_base64`; `JSON` when there is none.
    """

    id: str
    source: str
    type: str
    specversion: str = "1.0"
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: Mapping[str, Scalar] = field(default_factory=lambda: _NO_EXTENSIONS, hash=False)
    data: bytes | None = field(default=None, repr=False)
    data_form: DataForm = "JSON"
    # The bytes that the event was read from. Not an argument, so that `dataclasses.replace` drops what is out of date.
    _envelope: bytes | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_core(self)
        if self.extensions is not _NO_EXTENSIONS:
            self.extensions = MappingProxyType(dict(self.extensions))
            _check_extensions(self.extensions)
        if self.data is None and self.data_form != "JSON":
            self.data_form = "JSON"
        if self.data is not None and len(self.data) > MAX_EVENT_BYTES:
            raise too_large(len(self.data))

    @property
    def envelope(self) -> bytes | None:
        """Give the structured JSON that the event was read from, None when it was not or has been changed since."""
        return self._envelope

    def with_envelope(self, envelope: bytes) -> CloudEvent:
        """Remember the bytes that the event was just read from; for parsers only."""
        self._envelope = envelope
        return self

    def attributes(self) -> dict[str, Scalar]:
        """List all attributes that are set, in the order of the specification, extensions last."""
        core = ((name, getattr(self, name)) for name in REQUIRED + OPTIONAL)
        return {**{name: value for name, value in core if value is not None}, **self.extensions}


def is_json(datacontenttype: str | None) -> bool:
    """Tell whether data of this type is JSON; without a type it is (JSON format, section 3.1)."""
    return datacontenttype in (None, "application/json") or _JSON_TYPE.fullmatch(datacontenttype or "") is not None


def is_text(datacontenttype: str | None) -> bool:
    """Tell whether data of this type is text that people read: text/*, XML."""
    return datacontenttype is not None and _TEXT_TYPE.fullmatch(datacontenttype) is not None


def too_large(size: int) -> Invalid:
    """Make the error for an event of `size` bytes."""
    return Invalid(
        "EventTooLarge",
        f"the event has {size} bytes, at most {MAX_EVENT_BYTES} are accepted; send the address of the data",
    )


def _check_core(event: CloudEvent) -> None:
    if event.specversion != "1.0":
        raise Invalid("BadSpecVersion", "attribute specversion: only CloudEvents 1.0 is understood; write 1.0")
    texts = _TEXTS(event)
    try:
        plain = all(texts[:3]) and "" not in texts and is_plain("".join(filter(None, texts)))
    except TypeError:  # one is a number or a boolean
        plain = False
    if not plain:
        _check_texts(texts)
    if event.time is not None and _TIME.fullmatch(event.time) is None:
        raise Invalid("BadAttributeValue", "attribute time: it is no RFC 3339 time; write it as 2026-01-31T12:00:00Z")
    if event.datacontenttype is not None and _MEDIA_TYPE.fullmatch(event.datacontenttype) is None:
        raise Invalid(
            "BadAttributeValue", "attribute datacontenttype: it is no media type; write it as application/json"
        )


def _check_texts(texts: tuple[object, ...]) -> None:
    for name, value in zip(_TEXT_NAMES, texts, strict=True):
        if value is None and name in OPTIONAL:
            continue
        if not isinstance(value, str) or not value:
            raise Invalid("BadAttributeValue", f"attribute {name}: it must be a string that is not empty")
        check_string(name, value)


def _check_extensions(extensions: Mapping[str, Scalar]) -> None:
    if len(extensions) > MAX_ATTRIBUTES:
        raise Invalid("TooManyAttributes", f"the event has more than {MAX_ATTRIBUTES} attributes; put some into data")
    for name, value in extensions.items():
        check_name(name)
        if name in CORE or name in ("data", "data_base64"):
            raise Invalid("BadAttributeName", f"attribute {name}: it cannot be an extension; rename it")
        if isinstance(value, str):
            check_string(name, value)
        elif abs(value) > _MAX_INTEGER:
            raise Invalid(
                "BadAttributeValue",
                f"attribute {name}: it must be a string, a boolean or an integer of 64 bits; put others into data",
            )
