"""The headers that an endpoint adds to each request."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import Field

from jethook_operator.api.meta import ApiModel, SecretKeySelector
from jethook_operator.api.rules import ListType, Rule, spelled

# What Jethook or its HTTP client sets, and what belongs to one connection (RFC 9110, section 7.6.1).
_RESERVED = (
    r"host|content-length|content-type|transfer-encoding|connection|keep-alive|proxy-connection|te|trailer|upgrade"
    r"|expect|traceparent|tracestate|(?:webhook|jethook|ce)-.*"
)
_RESERVED_NAME = re.compile(_RESERVED)
_TOKEN_RULE = spelled(
    r"[0-9A-Za-z!#$%&'*+.^_`|~-]+",
    message="must be an HTTP header name: letters, digits and !#$%&'*+-.^_`|~ only; correct it",
)
_RESERVED_RULE = Rule(
    cel=f'!self.lowerAscii().matches(r"^(?:{_RESERVED})$")',
    message="is set by Jethook or the connection (host, content-length, content-type, transfer-encoding, connection,"
    " keep-alive, proxy-connection, te, trailer, upgrade, expect, traceparent, tracestate, webhook-*, jethook-*, ce-*);"
    " choose another name",
    check=lambda name: _RESERVED_NAME.fullmatch(name.lower()) is None,
)
_VALUE_RULE = spelled(
    r"[^\x00-\x08\x0a-\x1f\x7f]*", message="must hold no line break and no other control character; remove them"
)


HeaderName = Annotated[str, Field(min_length=1, max_length=128), _TOKEN_RULE, _RESERVED_RULE]


class ValueSource(ApiModel):
    """Where a value comes from."""

    secret_key_ref: SecretKeySelector
    """One key of a Secret in the same namespace."""


class Header(ApiModel):
    """A header: its name, and its value here or in a Secret."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.value) != has(self.valueFrom)",
            message="must have exactly one of value and valueFrom",
            check=lambda header: (header.value is None) is not (header.value_from is None),
        ),
    )

    name: HeaderName
    """Name of the header. Names that Jethook sets itself are refused."""
    value: Annotated[str, Field(max_length=4096), _VALUE_RULE] | None = None
    """Its value, for all to read who may read this object. For a secret use valueFrom."""
    value_from: ValueSource | None = None
    """Where its value comes from, instead of value."""


Headers = Annotated[
    tuple[Header, ...],
    Field(max_length=32, strict=False),
    ListType("map", ("name",)),
    Rule(
        cel="self.all(a, self.exists_one(b, b.name.lowerAscii() == a.name.lowerAscii()))",
        message="must name each header once, whatever its case; remove the repeated entry",
        check=lambda headers: len({header.name.lower() for header in headers}) == len(headers),
    ),
]
