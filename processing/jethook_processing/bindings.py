"""Parameter binding: named values that are read from each event by CEL, with a type and a default.

Expressions see `event`, and `context` with `namespace`, `endpoint` and `subscription`, the names of the objects; no
secret is in reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from jethook_contract.attributes import shown
from jethook_contract.errors import Invalid
from jethook_contract.selection import Binding, BindingType
from jethook_processing.expressions import EventDocument, ValueExpression, compile_value
from jethook_processing.json_values import json_bytes

MAX_BINDINGS = 16
MAX_VALUE_BYTES = 64 * 1024
REASON = "BindingFailed"

Values = Mapping[str, object]

_TYPES: Mapping[BindingType, Callable[[object], bool]] = {
    "Any": lambda _value: True,
    "Boolean": lambda value: isinstance(value, bool),
    "Integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "Number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "String": lambda value: isinstance(value, str),
    "List": lambda value: isinstance(value, list),
    "Object": lambda value: isinstance(value, dict),
}


class Context(NamedTuple):
    """The names of the objects that an event is delivered for."""

    namespace: str
    endpoint: str
    subscription: str


class _Bound(NamedTuple):
    binding: Binding
    value: ValueExpression
    default: ValueExpression | None


class Binder:
    """The bindings of a Subscription; raises Invalid `BadExpression` that names the one that cannot be used."""

    def __init__(self, bindings: Sequence[Binding], *, context: Context) -> None:
        self._context: Mapping[str, Mapping[str, object]] = {"context": context._asdict()}
        self._bound = tuple(_bound(one) for one in bindings)

    def __call__(self, document: EventDocument) -> Values:
        """Give the values by name; raises Invalid `BindingFailed`."""
        return {one.binding.name: self._value(one, document) for one in self._bound}

    def _value(self, bound: _Bound, document: EventDocument) -> object:
        name, wanted = bound.binding.name, bound.binding.type
        try:
            value = self._read(bound, document)
            if not _TYPES[wanted](value):
                raise bound.value.failed(f"it gives no {wanted}")
            size = len(json_bytes(value))
        except Invalid as exc:
            raise Invalid(REASON, f"binding {shown(name)}: {exc.message}") from None
        if size > MAX_VALUE_BYTES:
            raise Invalid(
                REASON, f"binding {shown(name)}: its value has {size} bytes, at most {MAX_VALUE_BYTES} may be"
            )
        return value

    def _read(self, bound: _Bound, document: EventDocument) -> object:
        try:
            return bound.value(document, self._context, more_bytes=0)
        except Invalid:
            if bound.default is None:
                raise
            return bound.default(document, self._context, more_bytes=0)


def _bound(binding: Binding) -> _Bound:
    try:
        value = compile_value(binding.from_, variables=("context",), reason=REASON)
        if not binding.default:
            return _Bound(binding, value, None)
        return _Bound(binding, value, compile_value(binding.default, variables=("context",), reason=REASON))
    except Invalid as exc:
        raise Invalid(exc.reason, f"binding {shown(binding.name)}: {exc.message}") from exc
