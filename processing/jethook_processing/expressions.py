"""CEL over an event: conditions that select, and keys that order and merge.

`event` has the CloudEvents attributes under their names (`time` is its text), `event.extensions` by name, and
`event.data`: the JSON as CEL has it, or a string for text; there is none for octets. Data are parsed only for an
expression that mentions them. Source: Common Expression Language, language definition.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import orjson

from jethook_contract.errors import Invalid
from jethook_contract.event import OPTIONAL, REQUIRED, CloudEvent
from jethook_processing.expression_program import Expression, compile_expression
from jethook_processing.expression_syntax import MAX_CHARACTERS, Mention

__all__ = [
    "MAX_CHARACTERS",
    "MAX_KEY_CHARACTERS",
    "Condition",
    "EventDocument",
    "KeyExpression",
    "Predicate",
    "ValueExpression",
    "compile_condition",
    "compile_key",
    "compile_predicate",
    "compile_value",
]

MAX_KEY_CHARACTERS = 1024

_ATTRIBUTES = REQUIRED + OPTIONAL
_PLAIN = frozenset({*_ATTRIBUTES, "extensions"})
_OUTSIDE_DATA_BYTES = 64 * 1024


class Predicate:
    """A condition on an event."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression
        self._with_data = mentions_data(expression.mentions)

    def __call__(self, event: CloudEvent) -> bool:
        """Tell whether the event fulfils the condition; raises Invalid `FilterFailed`."""
        return _evaluate(self._expression, event, with_data=self._with_data, more={}) is True


class KeyExpression:
    """A key of an event."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression
        self._with_data = mentions_data(expression.mentions)

    def __call__(self, event: CloudEvent) -> str:
        """Give the key, integers and booleans as their text; raises Invalid `KeyFailed`."""
        value = _evaluate(self._expression, event, with_data=self._with_data, more={})
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        if not isinstance(value, str):
            raise self._expression.failed("a key is a text, a whole number or a boolean; convert it with string()")
        if len(value) > MAX_KEY_CHARACTERS:
            raise self._expression.failed(f"a key has at most {MAX_KEY_CHARACTERS} characters; take another field")
        return value


class ValueExpression:
    """Any value, from an event and from further variables that are objects."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression
        self._with_data = mentions_data(expression.mentions)

    def __call__(
        self, document: EventDocument, variables: Mapping[str, Mapping[str, object]], *, more_bytes: int
    ) -> object:
        """Give the value as Python has it; raises Invalid with the reason that it was compiled with.

        `more_bytes`: about how large the further variables are.
        """
        return document.evaluate(self._expression, with_data=self._with_data, more=variables, outside_bytes=more_bytes)

    def failed(self, fault: str) -> Invalid:
        """Make the error for a value that cannot be used."""
        return self._expression.failed(fault)


class Condition:
    """A condition on an event and on further variables that are objects, for commands that select."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression
        self._with_data = mentions_data(expression.mentions)

    def __call__(self, event: CloudEvent | None, variables: Mapping[str, Mapping[str, object]]) -> bool:
        """Tell whether they fulfil it; None for an event that cannot be read, which has no fields.

        Raises Invalid `FilterFailed`.
        """
        return _evaluate(self._expression, event, with_data=self._with_data, more=variables) is True


def compile_predicate(text: str) -> Predicate:
    """Compile a condition on `event`; raises Invalid `BadExpression`."""
    return Predicate(compile_expression(text, variables=("event",), condition=True, reason="FilterFailed"))


def compile_key(text: str) -> KeyExpression:
    """Compile the expression of a key over `event`; raises Invalid `BadExpression`."""
    return KeyExpression(compile_expression(text, variables=("event",), condition=False, reason="KeyFailed"))


def compile_value(text: str, *, variables: Collection[str], reason: str) -> ValueExpression:
    """Compile an expression on `event` and the further variables; raises Invalid `BadExpression`.

    `reason`: of the Invalid that a failed evaluation raises.
    """
    names = ("event", *variables)
    return ValueExpression(compile_expression(text, variables=names, condition=False, reason=reason))


def compile_condition(text: str, *, variables: Collection[str]) -> Condition:
    """Compile a condition on `event` and the further variables; raises Invalid `BadExpression`."""
    names = ("event", *variables)
    return Condition(compile_expression(text, variables=names, condition=True, reason="FilterFailed"))


def mentions_data(mentions: Collection[Mention]) -> bool:
    """Tell whether an evaluation needs the data: `event.data`, and `event` as a whole or by index."""
    return any(one.path[0] == "event" and (len(one.path) == 1 or one.path[1] not in _PLAIN) for one in mentions)


def _evaluate(
    expression: Expression,
    event: CloudEvent | None,
    *,
    with_data: bool,
    more: Mapping[str, Mapping[str, object]],
) -> object:
    document = EventDocument(event) if event is not None else _NO_EVENT
    return document.evaluate(expression, with_data=with_data, more=more, outside_bytes=0)


class EventDocument:
    """An event as the variable `event`; its data are parsed once, at the first expression that mentions them."""

    def __init__(self, event: CloudEvent | None) -> None:
        self.event = event
        self._plain: dict[str, Any] = {} if event is None else _attributes(event)
        self._whole: dict[str, Any] | None = None

    def evaluate(
        self,
        expression: Expression,
        *,
        with_data: bool,
        more: Mapping[str, Mapping[str, object]],
        outside_bytes: int,
    ) -> object:
        """Evaluate an expression on the event; raises Invalid with the expression's reason."""
        size, event = _OUTSIDE_DATA_BYTES + outside_bytes, self.event
        if not with_data or event is None or event.data is None or event.data_form == "Octets":
            return expression.evaluate({"event": self._plain, **more}, document_bytes=size)
        if self._whole is None:
            self._whole = self._plain | {"data": _data(expression, event.data, form=event.data_form)}
        return expression.evaluate({"event": self._whole, **more}, document_bytes=size + len(event.data))


_NO_EVENT = EventDocument(None)


def _attributes(event: CloudEvent) -> dict[str, Any]:
    found: dict[str, Any] = {name: value for name in _ATTRIBUTES if (value := getattr(event, name)) is not None}
    return found | {"extensions": dict(event.extensions)}


def _data(expression: Expression, data: bytes, *, form: str) -> object:
    try:
        return orjson.loads(data) if form == "JSON" else data.decode()
    except (orjson.JSONDecodeError, UnicodeDecodeError) as exc:
        raise expression.failed("event.data cannot be read as its content type says") from exc
