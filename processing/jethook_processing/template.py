"""The template of a transformation: a JSON tree in which texts may hold `${CEL}`.

A text that is one `${...}` becomes the value of the expression, whatever its type; within other text the value is
written out. `$${` is a literal `${`. Keys of objects are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import orjson

from jethook_contract.errors import Invalid
from jethook_contract.event import MAX_EVENT_BYTES
from jethook_processing.expressions import EventDocument, ValueExpression, compile_value
from jethook_processing.json_values import json_bytes, json_text

MAX_CHARACTERS = 32 * 1024
MAX_EXPRESSIONS = 64
MAX_DEPTH = 16
REASON = "TransformFailed"

Variables = Mapping[str, Mapping[str, object]]


class _Mixed(NamedTuple):
    """A text between whose pieces values are written out."""

    pieces: tuple[str | ValueExpression, ...]


_Node = object  # a JSON value in which texts with expressions are ValueExpression or _Mixed


class Template:
    """A template, ready to be filled; raises Invalid `BadExpression` with the place.

    `text`: JSON. `variables`: names, beside `event`, of the objects that the expressions may use.
    """

    def __init__(self, text: str, *, variables: tuple[str, ...]) -> None:
        if len(text) > MAX_CHARACTERS:
            raise _bad(f"it has {len(text)} characters, at most {MAX_CHARACTERS} are accepted")
        try:
            tree = orjson.loads(text)
        except orjson.JSONDecodeError as exc:
            raise _bad("it is no JSON") from exc
        self._names = variables
        self._count = 0
        self._tree = self._compile(tree, path="", depth=0)

    def __call__(self, document: EventDocument, variables: Variables, *, more_bytes: int) -> bytes:
        """Fill the template for an event; raises Invalid `TransformFailed`.

        `more_bytes`: about how large the variables are.
        """
        try:
            body = json_bytes(_filled(self._tree, document, variables, more_bytes))
        except Invalid as exc:
            raise Invalid(REASON, exc.message) from exc
        if len(body) > MAX_EVENT_BYTES:
            raise Invalid(REASON, f"the template gives {len(body)} bytes, at most {MAX_EVENT_BYTES} are sent")
        return body

    def _compile(self, value: object, *, path: str, depth: int) -> _Node:
        if depth > MAX_DEPTH:
            raise _bad(f"it is nested more than {MAX_DEPTH} deep")
        if isinstance(value, dict):
            return {key: self._compile(one, path=f"{path}.{key}", depth=depth + 1) for key, one in value.items()}
        if isinstance(value, list):
            return [self._compile(one, path=f"{path}[{index}]", depth=depth + 1) for index, one in enumerate(value)]
        return self._text(value, path=path or ".") if isinstance(value, str) else value

    def _text(self, text: str, *, path: str) -> _Node:
        try:
            pieces = tuple(self._piece(one) for one in _pieces(text))
        except Invalid as exc:
            raise Invalid(exc.reason, f"at {path[:200]}: {exc.message}") from exc
        if len(pieces) == 1:
            return pieces[0]
        return "".join(pieces) if all(isinstance(one, str) for one in pieces) else _Mixed(pieces)  # type: ignore[arg-type]  # they are

    def _piece(self, piece: tuple[bool, str]) -> str | ValueExpression:
        is_expression, text = piece
        if not is_expression:
            return text
        self._count += 1
        if self._count > MAX_EXPRESSIONS:
            raise _bad(f"it has more than {MAX_EXPRESSIONS} expressions; bind what is used often")
        return compile_value(text, variables=self._names, reason=REASON)


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """Split a text into plain pieces (False) and expressions (True)."""
    plain = ""
    position = 0
    while (found := text.find("${", position)) >= 0:
        if found > 0 and text[found - 1] == "$":
            plain += text[position : found - 1] + "${"
            position = found + 2
            continue
        plain += text[position:found]
        if plain:
            yield False, plain
        end = _closing(text, found + 2)
        yield True, text[found + 2 : end]
        plain, position = "", end + 1
    plain += text[position:]
    if plain or not text:
        yield False, plain


def _closing(text: str, start: int) -> int:
    """Find the brace that ends an expression: braces within it pair, and those in its strings do not count."""
    depth, quote, index = 0, "", start
    while index < len(text):
        character = text[index]
        if quote:
            index += character == "\\"
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "{":
            depth += 1
        elif character == "}":
            if depth == 0:
                return index
            depth -= 1
        index += 1
    raise _bad("a ${ is never closed; add the }, or write $${ for the characters themselves")


def _filled(node: _Node, document: EventDocument, variables: Variables, more_bytes: int) -> object:
    if isinstance(node, ValueExpression):
        return node(document, variables, more_bytes=more_bytes)
    if isinstance(node, _Mixed):
        values = (
            one if isinstance(one, str) else one(document, variables, more_bytes=more_bytes) for one in node.pieces
        )
        return "".join(one if isinstance(one, str) else json_text(one) for one in values)
    if isinstance(node, dict):
        return {key: _filled(one, document, variables, more_bytes) for key, one in node.items()}
    if isinstance(node, list):
        return [_filled(one, document, variables, more_bytes) for one in node]
    return node


def _bad(fault: str) -> Invalid:
    return Invalid("BadExpression", f"the template cannot be used: {fault}")
