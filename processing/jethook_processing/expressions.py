"""CEL over an event: conditions that select, and keys that order and merge.

`event` has the CloudEvents attributes under their names (`time` is its text), `event.extensions` by name, and
`event.data`: the JSON as CEL has it, or a string for text; there is none for octets. Data are parsed only for an
expression that mentions them. Source: Common Expression Language, language definition.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import orjson

from jethook_contract.event import OPTIONAL, REQUIRED, CloudEvent
from jethook_processing.expression_program import Expression, compile_expression
from jethook_processing.expression_syntax import MAX_CHARACTERS, Mention

__all__ = [
    "MAX_CHARACTERS",
    "MAX_KEY_CHARACTERS",
    "Condition",
    "KeyExpression",
    "Predicate",
    "compile_condition",
    "compile_key",
    "compile_predicate",
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


def compile_condition(text: str, *, variables: Collection[str]) -> Condition:
    """Compile a condition on `event` and the further variables; raises Invalid `BadExpression`."""
    names = ("event", *variables)
    return Condition(compile_expression(text, variables=names, condition=True, reason="FilterFailed"))


def mentions_data(mentions: Collection[Mention]) -> bool:
    """Tell whether an evaluation needs the data: `event.data`, and `event` as a whole or by index."""
    return any(one.path[0] == "event" and (len(one.path) == 1 or one.path[1] not in _PLAIN) for one in mentions)


def _evaluate(
    expression: Expression, event: CloudEvent | None, *, with_data: bool, more: Mapping[str, Mapping[str, object]]
) -> object:
    variables: dict[str, object] = {"event": {} if event is None else _attributes(event), **more}
    size = _OUTSIDE_DATA_BYTES
    if with_data and event is not None and event.data is not None and event.data_form != "Octets":
        size += len(event.data)
        variables["event"] |= {"data": _data(expression, event.data, form=event.data_form)}  # type: ignore[operator]
    return expression.evaluate(variables, document_bytes=size)


def _attributes(event: CloudEvent) -> dict[str, Any]:
    found: dict[str, Any] = {name: value for name in _ATTRIBUTES if (value := getattr(event, name)) is not None}
    return found | {"extensions": dict(event.extensions)}


def _data(expression: Expression, data: bytes, *, form: str) -> object:
    try:
        return orjson.loads(data) if form == "JSON" else data.decode()
    except (orjson.JSONDecodeError, UnicodeDecodeError) as exc:
        raise expression.failed("event.data cannot be read as its content type says") from exc
