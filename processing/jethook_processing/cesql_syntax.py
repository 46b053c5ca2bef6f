"""Parse CESQL into a tree. Source: CloudEvents SQL Expression Language 1.0.0, sections 2 and 3.6.

From the tightest to the loosest: function calls; NOT and `-`; LIKE, EXISTS, IN; `*` `/` `%`; `+` `-`; comparisons;
AND, OR, XOR. Operators of one level go from left to right, so `a OR b AND c` is `(a OR b) AND c`.
"""

from __future__ import annotations

from dataclasses import dataclass

from jethook_processing.cesql_tokens import Token, bad, tokens_of, unexpected
from jethook_processing.cesql_values import Value, fits_integer

MAX_DEPTH = 32
_MAX_DIGITS = 32  # with leading zeros

_LEVELS = (
    frozenset({"AND", "OR", "XOR"}),
    frozenset({"=", "!=", "<>", "<", "<=", ">", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text, TRUE or FALSE."""

    value: Value


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the event, in lower case."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    """NOT or `-` of something."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """A logical operator, a comparison or arithmetic."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Like:
    """A text compared with a pattern."""

    operand: Node
    pattern: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether the event has an attribute."""

    name: str


@dataclass(frozen=True, slots=True)
class In:
    """A value looked for in a set."""

    operand: Node
    elements: tuple[Node, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function, which may be one that does not exist."""

    name: str
    arguments: tuple[Node, ...]


Node = Literal | Attribute | Unary | Binary | Like | Exists | In | Call


def parse_cesql(text: str) -> Node:
    """Parse an expression; raises Invalid `BadExpression` that says where."""
    parser = _Parser(tokens_of(text))
    node = parser.expression()
    parser.end()
    return node


class _Parser:
    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0

    def expression(self) -> Node:
        """Read a whole expression."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise bad(f"it is nested more than {MAX_DEPTH} deep; split it")
        node = self._level(0)
        self._depth -= 1
        return node

    def end(self) -> None:
        """Accept that nothing follows."""
        if self._next.kind != "End":
            raise unexpected(self._next, wanted="an operator or the end")

    @property
    def _next(self) -> Token:
        return self._tokens[self._index]

    def _take(self) -> Token:
        token = self._next
        self._index += 1
        return token

    def _took(self, text: str) -> bool:
        if self._next.text == text and self._next.kind in ("Symbol", "Keyword"):
            self._index += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._took(text):
            raise unexpected(self._next, wanted=text)

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._matched()
        left = self._level(level + 1)
        while self._next.kind in ("Symbol", "Keyword") and self._next.text in _LEVELS[level]:
            operator = self._take().text
            left = Binary(operator, left, self._level(level + 1))
        return left

    def _matched(self) -> Node:
        """Read an operand, and the LIKE and IN that follow it."""
        node = self._unary()
        while True:
            negated = self._next.text == "NOT" and self._next.kind == "Keyword"
            operator = self._tokens[self._index + 1] if negated else self._next
            if operator.kind != "Keyword" or operator.text not in ("LIKE", "IN"):
                return node
            self._index += 2 if negated else 1
            node = self._like(node, negated=negated) if operator.text == "LIKE" else self._in(node, negated=negated)

    def _like(self, operand: Node, *, negated: bool) -> Node:
        pattern = self._take()
        if pattern.kind != "Text":
            raise unexpected(pattern, wanted="a text in quotes, the pattern of LIKE,")
        return Like(operand, pattern.text, negated)

    def _in(self, operand: Node, *, negated: bool) -> Node:
        self._expect("(")
        return In(operand, self._listed(), negated)

    def _listed(self) -> tuple[Node, ...]:
        """Read expressions up to the closing parenthesis."""
        found = [self.expression()]
        while self._took(","):
            found.append(self.expression())
        self._expect(")")
        return tuple(found)

    def _unary(self) -> Node:
        """Read the prefixes without recursion: there may be thousands."""
        prefixes = []
        while (prefix := self._next).text in ("NOT", "-") and prefix.kind in ("Keyword", "Symbol"):
            if self._is_sign():
                break
            prefixes.append(self._take().text)
        if len(prefixes) > MAX_DEPTH:
            raise bad(f"it is nested more than {MAX_DEPTH} deep; remove the doubled signs")
        node = self._primary()
        for operator in reversed(prefixes):
            node = Unary(operator, node)
        return node

    def _is_sign(self) -> bool:
        """Tell whether a sign belongs to the number directly behind it, which may be the smallest of all."""
        sign, number = self._next, self._tokens[min(self._index + 1, len(self._tokens) - 1)]
        return sign.text in ("+", "-") and number.kind == "Number" and number.position == sign.end

    def _primary(self) -> Node:
        if self._is_sign():
            sign = self._take().text
            return _number(self._take(), sign=sign)
        token = self._take()
        match token.kind, token.text:
            case "Number", _:
                node: Node = _number(token, sign="")
            case "Text", text:
                node = Literal(text)
            case "Name", _:
                node = self._named(token)
            case "Keyword", ("TRUE" | "FALSE") as word:
                node = Literal(word == "TRUE")
            case "Keyword", "EXISTS":
                node = Exists(_attribute(self._take()))
            case "Symbol", "(":
                node = self.expression()
                self._expect(")")
            case _:
                raise unexpected(token, wanted="a value")
        return node

    def _named(self, token: Token) -> Node:
        if not self._took("("):
            return Attribute(_attribute(token))
        if self._took(")"):
            return Call(token.text.upper(), ())
        return Call(token.text.upper(), self._listed())


def _attribute(token: Token) -> str:
    if token.kind not in ("Name", "Number") or "_" in token.text:
        raise unexpected(token, wanted="the name of an attribute, of letters and digits,")
    return token.text.lower()


def _number(token: Token, *, sign: str) -> Literal:
    value = int(sign + token.text) if len(token.text) <= _MAX_DIGITS else None
    if value is None or not fits_integer(value):
        raise bad(f"the number at character {token.position + 1} has more than 32 bits")
    return Literal(value)
