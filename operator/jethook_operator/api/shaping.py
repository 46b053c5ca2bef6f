"""What a Subscription makes of an event before it is sent: bindings, and a template in the place of the data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from jethook_operator.api.meta import ApiModel
from jethook_operator.api.rules import ListType, spelled

MAX_BINDINGS = 16

_NAME_RULE = spelled(
    r"[a-zA-Z_][a-zA-Z0-9_]{0,62}",
    message="must be 1 to 63 letters, digits and _, and begin with no digit; rename the binding",
)
Tree = Annotated[Any, WithJsonSchema({"x-kubernetes-preserve-unknown-fields": True})]


class Binding(ApiModel):
    """A named value that is read from each event."""

    name: Annotated[str, Field(min_length=1, max_length=63), _NAME_RULE]
    """Name of the value; expressions of the transformation use it as bindings.<name>."""
    from_: Annotated[str, Field(min_length=1, max_length=1024)] = Field(alias="from")
    """A CEL expression over `event` and `context` (namespace, endpoint, subscription): event.data.amount."""
    default: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """A CEL expression that is taken where `from` has no answer, as for a missing field: 0, 'none'. Default: none, the
    event becomes a dead letter with reason BindingFailed."""
    type: Literal["Any", "Boolean", "Integer", "Number", "String", "List", "Object"] = "Any"
    """What the value has to be; an event that gives another becomes a dead letter with reason BindingFailed. Default:
    Any."""


Bindings = Annotated[tuple[Binding, ...], Field(max_length=MAX_BINDINGS, strict=False), ListType("map", keys=("name",))]


class Transform(ApiModel):
    """What is sent in the place of the event's data."""

    template: Tree
    """Any YAML or JSON, at most 32 KiB, in whose texts `${...}` holds a CEL expression over `event`, `bindings` and
    `context`. A text that is one expression becomes its value, whatever its type; within other text it is written out;
    `$${` is a literal `${`. The result becomes the event's data, as JSON; its attributes stay."""
