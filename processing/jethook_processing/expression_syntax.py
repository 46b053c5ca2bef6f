"""Check the text of a CEL expression before the library sees it, and make what it may cost countable.

The library has no bounds of its own and holds the GIL, and an expression is a tenant's text: a comprehension within
another takes seconds over a few thousand items. So what can multiply is refused here, and every step of a
comprehension is made to ask `STEP` first, which ends it when the budget is spent. Source of the grammar: CEL language
definition, section "Syntax"; comments and triple quotes are left out, so that this reader cannot differ from the
library's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from jethook_contract.attributes import shown
from jethook_contract.errors import Invalid

MAX_CHARACTERS = 4096
MAX_ADDITIONS = 16
MAX_PATTERN_CHARACTERS = 256
MAX_PATTERN_REPEATS = 128

STEP = "jethook_step"

COPYING_MACROS = frozenset({"map", "filter"})
MACROS = COPYING_MACROS | {"all", "exists", "exists_one", "existsOne"}
_CONVERSIONS = frozenset({"string", "bytes", "int", "uint", "double", "timestamp", "duration", "type", "dyn"})
_TEXTS = frozenset({"has", "size", "contains", "startsWith", "endsWith", "matches"})
_TIMES = frozenset({"FullYear", "Month", "DayOfYear", "DayOfMonth", "Date", "DayOfWeek"})
_CLOCKS = frozenset({"Hours", "Minutes", "Seconds", "Milliseconds"})
FUNCTIONS = _CONVERSIONS | _TEXTS | {f"get{part}" for part in _TIMES | _CLOCKS}

_CONSTANTS = frozenset({"true", "false", "null", "in", "bool", "list", "map", "null_type"}) | _CONVERSIONS
_OPERATORS = frozenset({"+", "-", "*", "/", "%", "<", ">", "<=", ">=", "==", "!=", "in", "("})
_TOKEN = re.compile(
    r"""[ \t\r\n]+
    |(?P<string>[bB]?(?:"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*')|[rR](?:"[^"\r\n]*"|'[^'\r\n]*'))
    |(?P<number>(?:0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>&&|\|\||[<>=!]=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE,
)
_COUNTED = re.compile(r"\{([0-9]*),?([0-9]*)\}")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A piece of the text: `kind` string, number, name or sign; `start` and `end` in characters."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A place where a variable is used: `path` is the variable and the fields that follow; `macro` whose body, or None.

    `event.data.name` is the path (event, data, name).
    """

    path: tuple[str, ...]
    macro: int | None


@dataclass(slots=True, kw_only=True)
class Macro:
    """A comprehension in the making: `variable` it binds, `body` where its second argument lies, in characters."""

    name: str
    variable: str
    body_start: int
    body_end: int = 0
    operators: int = 0
    pattern_cost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """An expression that may be compiled: `source` asks `STEP(number of the macro)` at each step of a comprehension.

    `is_path`: it is a variable and fields of it, and nothing else, as in event.data.amount.
    """

    source: str
    mentions: tuple[Mention, ...]
    macros: tuple[Macro, ...]
    is_path: bool


def check_syntax(text: str, *, variables: Collection[str]) -> Checked:
    """Read an expression over these variables; raises Invalid `BadExpression`.

    Refused are what is too long, comprehensions within or after others that would multiply, functions and variables
    that do not exist, `matches` with a pattern that is no literal or a costly one, and more than 16 additions.
    """
    if len(text) > MAX_CHARACTERS:
        raise bad(f"it has {len(text)} characters, at most {MAX_CHARACTERS} are accepted; simplify it")
    if not text.strip():
        raise bad("it is empty; leave it out or write a condition")
    tokens = list(_tokens(text))
    if sum(token.text == "+" and token.kind == "sign" for token in tokens) > MAX_ADDITIONS:
        raise bad(f"it adds more than {MAX_ADDITIONS} times; simplify it")
    return _Reader(tokens, variables=frozenset(variables)).read(text)


def bad(fault: str) -> Invalid:
    """Make the error for an expression that cannot be used."""
    return Invalid("BadExpression", f"the CEL expression cannot be used: {fault}")


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or text.startswith(('"""', "'''", "//"), position):
            rest = shown(text[position : position + 20])
            raise bad(f"character {position + 1} begins {rest}, which is not understood; no comments, no triple quotes")
        if found.lastgroup is not None:
            yield Token(kind=found.lastgroup, text=found[0], start=position, end=found.end())
        position = found.end()


class _Reader:
    """Walk the tokens once, with a stack of open brackets; a macro's is its number, others' None."""

    def __init__(self, tokens: list[Token], *, variables: frozenset[str]) -> None:
        self._tokens = tokens
        self._variables = variables
        self._macros: list[Macro] = []
        self._mentions: list[Mention] = []
        self._open: list[tuple[str, int | None]] = []
        self._commas: list[int] = []

    def read(self, text: str) -> Checked:
        index = 0
        while index < len(self._tokens):
            index = self._step(index)
        if self._open:
            raise bad(f"a {self._open[-1][0]} is never closed; add the {_CLOSING[self._open[-1][0]]}")
        is_path = len(self._mentions) == 1 and len(self._tokens) == 2 * len(self._mentions[0].path) - 1
        return Checked(
            source=self._rewritten(text), mentions=tuple(self._mentions), macros=tuple(self._macros), is_path=is_path
        )

    @property
    def _inside(self) -> int | None:
        return next((number for _, number in reversed(self._open) if number is not None), None)

    def _text(self, index: int) -> str:
        """Give a token's text unless it is a string, whose text means nothing here; empty past the ends."""
        if 0 <= index < len(self._tokens) and self._tokens[index].kind != "string":
            return self._tokens[index].text
        return ""

    def _step(self, index: int) -> int:
        token = self._tokens[index]
        if self._inside is not None and self._text(index) in _OPERATORS:
            self._macros[self._inside].operators += 1
        if token.kind == "sign":
            self._bracket(token)
        elif token.kind == "name" and self._text(index + 1) == "(":
            return self._call(index)
        elif token.kind == "name" and self._text(index - 1) != "." and token.text not in _CONSTANTS:
            self._mention(index)
        return index + 1

    def _bracket(self, token: Token) -> None:
        if token.text in _CLOSING:
            self._push(token.text)
        elif token.text in _CLOSING.values():
            if not self._open or _CLOSING[self._open[-1][0]] != token.text:
                raise bad(f"character {token.start + 1}: this {token.text} closes nothing; remove it")
            (_, macro), commas = self._open.pop(), self._commas.pop()
            if macro is not None:
                self._end(self._macros[macro], end=token.start, commas=commas)
        elif token.text == "," and self._open:
            self._commas[-1] += 1
            macro = self._open[-1][1]
            if macro is not None and self._commas[-1] == 2:  # noqa: PLR2004 -- the comma behind the second argument
                self._macros[macro].body_end = token.start

    def _push(self, bracket: str, *, macro: int | None = None, commas: int = 0) -> None:
        self._open.append((bracket, macro))
        self._commas.append(commas)

    def _call(self, index: int) -> int:
        name, method = self._text(index), self._text(index - 1) == "."
        if name in MACROS and method:
            return self._macro(index)
        if name not in FUNCTIONS:
            raise bad(f"there is no function {shown(name)}; known are {', '.join(sorted(FUNCTIONS | MACROS))}")
        if name == "matches":
            self._pattern(index)
        return index + 1

    def _macro(self, index: int) -> int:
        name, variable = self._text(index), self._tokens[index + 2].text if index + 2 < len(self._tokens) else ""
        if self._inside is not None:
            raise bad(
                f"{name} stands within the arguments of {self._macros[self._inside].name}, which would multiply their"
                " work; comprehensions cannot be nested, write them side by side"
            )
        if self._macros and self._macros[-1].name == "map":
            raise bad(f"{name} comes after map; leave map out and use the field itself, as in exists(x, x.name == 'a')")
        if self._text(index + 3) != "," or not variable.isidentifier() or variable in {*self._variables, *_CONSTANTS}:
            raise bad(f"{name} takes the name of a new variable and an expression, as in {name}(x, x > 1)")
        self._macros.append(Macro(name=name, variable=variable, body_start=self._tokens[index + 3].end))
        self._push("(", macro=len(self._macros) - 1, commas=1)
        return index + 4

    def _end(self, macro: Macro, *, end: int, commas: int) -> None:
        if commas > (2 if macro.name == "map" else 1):
            raise bad(f"{macro.name} takes the name of a variable and an expression, as in {macro.name}(x, x > 1)")
        macro.body_end = macro.body_end or end

    def _mention(self, index: int) -> None:
        name, macro = self._text(index), self._inside
        if macro is not None and name == self._macros[macro].variable:
            return
        if name not in self._variables:
            raise bad(f"there is no variable {shown(name)}; known are {', '.join(sorted(self._variables))}")
        path = [name]
        while self._text(index + 1) == "." and self._text(index + 3) != "(" and self._is_name(index + 2):
            path.append(self._text(index + 2))
            index += 2
        self._mentions.append(Mention(path=tuple(path), macro=macro))

    def _is_name(self, index: int) -> bool:
        return index < len(self._tokens) and self._tokens[index].kind == "name"

    def _pattern(self, index: int) -> None:
        literal = self._tokens[index + 2] if index + 2 < len(self._tokens) else None
        if literal is None or literal.kind != "string" or self._text(index + 3) != ")" or self._text(index - 1) != ".":
            raise bad("matches takes one pattern, written out: event.subject.matches('^a+$')")
        cost = pattern_cost(literal.text)
        if self._inside is not None:
            self._macros[self._inside].pattern_cost += cost

    def _rewritten(self, text: str) -> str:
        parts: list[str] = []
        position = 0
        for number, macro in enumerate(self._macros):
            body = text[macro.body_start : macro.body_end]
            parts += [text[position : macro.body_start], f"({STEP}({number}) ? ({body}) : false)"]
            position = macro.body_end
        return "".join([*parts, text[position:]])


def pattern_cost(literal: str) -> int:
    """Weigh a regular expression, from 1, by what compiling it takes; raises Invalid for a costly one.

    The library compiles it at each use. Repeats of a group multiply: `(a{100}){100}` takes half a second.
    """
    if len(literal) > MAX_PATTERN_CHARACTERS:
        raise bad(f"a pattern has more than {MAX_PATTERN_CHARACTERS} characters; shorten it")
    if "){" in literal.replace("\\)", ""):
        raise bad("a pattern repeats a group a number of times; write * or +, or write the group out")
    repeats = sum(max(int(low or 1), int(high or 1)) for low, high in _COUNTED.findall(literal))
    if repeats > MAX_PATTERN_REPEATS:
        raise bad(f"the counted repeats of a pattern are more than {MAX_PATTERN_REPEATS} together; write * or +")
    return 1 + repeats + literal.count("\\")
