"""Split a CESQL expression into tokens. Source: CloudEvents SQL Expression Language 1.0.0, section 2."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from jethook_contract.errors import Invalid

MAX_CHARACTERS = 4096

TokenKind = Literal["Keyword", "Name", "Number", "Text", "Symbol", "End"]

KEYWORDS = frozenset({"AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"})

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
    | (?P<text>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
    | (?P<word>[A-Za-z0-9_]+)
    | (?P<symbol><=|>=|<>|!=|[=<>+\-*/%(),])
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """One token. `text`: keywords and symbols as the grammar has them, names as written, texts without quotes.

    `position` and `end` count characters from 0.
    """

    kind: TokenKind
    text: str
    position: int
    end: int


def tokens_of(text: str) -> tuple[Token, ...]:
    """Split an expression, with an `End` as the last token; raises Invalid `BadExpression`."""
    if len(text) > MAX_CHARACTERS:
        raise bad(f"it has {len(text)} characters, at most {MAX_CHARACTERS} are accepted; make it shorter")
    found = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise bad(f"character {text[position]!a} {_where(position)} is not understood; remove or quote it")
        if match.lastgroup != "space":
            found.append(_token(match))
        position = match.end()
    return (*found, Token("End", "", len(text), len(text)))


def bad(message: str) -> Invalid:
    """Make the error for an expression that cannot be used."""
    return Invalid("BadExpression", f"the CESQL expression cannot be used: {message}")


def unexpected(token: Token, *, wanted: str) -> Invalid:
    """Make the error for a token that may not stand where it does."""
    seen = "the end" if token.kind == "End" else ascii(token.text[:60])
    return bad(f"{wanted} is expected {_where(token.position)}, not {seen}")


def _where(position: int) -> str:
    return f"at character {position + 1}"


def _token(match: re.Match[str]) -> Token:
    text, position, end = match.group(), match.start(), match.end()
    if match.lastgroup == "symbol":
        return Token("Symbol", text, position, end)
    if match.lastgroup == "text":
        quote = text[0]
        return Token("Text", text[1:-1].replace(f"\\{quote}", quote), position, end)
    if text.isdigit():
        return Token("Number", text, position, end)
    if text.upper() in KEYWORDS:
        return Token("Keyword", text.upper(), position, end)
    return Token("Name", text, position, end)
