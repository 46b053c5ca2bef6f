"""Cut JSON text into its parts without changing a character of them.

A parser would turn `1.0`, `1e400`, key order and escapes into values that cannot be written back as they were; an
envelope needs none of that. Text that this module returns is valid JSON (RFC 8259), nested at most as deep as orjson
reads (1,024).
"""

from __future__ import annotations

import json
import re

import orjson

from jethook_contract.errors import Invalid

_WS = r"[ \t\n\r]*+"
_CHARACTERS = r'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+'
_STRING = f'"{_CHARACTERS}"'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_OPEN = re.compile(rf"{_WS}\{{{_WS}(\}}{_WS})?")
_NEXT = re.compile(rf"{_WS}([,}}]){_WS}")
_NAME = rf'"({_CHARACTERS})"{_WS}:{_WS}'
_SCALAR = rf"(?:{_STRING}|{_NUMBER}|true|false|null)"
_MEMBER = re.compile(rf"{_NAME}({_SCALAR})")
_MEMBERS = re.compile(
    rf'(?:"{_CHARACTERS}"{_WS}:{_WS}{_SCALAR}{_WS},{_WS})*+(?:"{_CHARACTERS}"{_WS}:{_WS}{_SCALAR}{_WS}(\}}){_WS})?'
)
_NESTED_MEMBER = re.compile(rf"{_NAME}(?=[{{\[])")
_OPEN_ARRAY = re.compile(rf"{_WS}\[{_WS}(\]{_WS})?")
_NEXT_ELEMENT = re.compile(rf"{_WS}([,\]]){_WS}")
# A string without an end swallows the rest: to try again at each quote inside it would take quadratic time.
_STRING_OR_REST = rf'(?:{_STRING}|"(?s:.*))'
_BRACKET = re.compile(rf"{_STRING_OR_REST}|([{{\[])|[}}\]]")
_STRING_OR_NUMBER = re.compile(rf"({_STRING_OR_REST})|[-0-9][0-9.eE+-]*+")
_COLON = re.compile(rf"{_WS}:{_WS}")
_SCALARS = frozenset({str, int, bool, type(None)})
_SCANNER = json.JSONDecoder(parse_int=str, parse_float=str)
_WHOLE_NUMBER = re.compile(_NUMBER)
_SPACE = " \t\n\r"


def read_object(text: str, *, max_members: int) -> dict[str, str]:
    """Split a JSON object into its members: decoded name -> text of the value, in the order of the text.

    Raises Invalid `BadJSON`, `DuplicateMember`, `TooManyAttributes` or `TooDeep`.
    """
    opened = _OPEN.match(text)
    if opened is None:
        raise _bad("it is no object", 0)
    pairs: list[tuple[str, str]] = []
    position, more = opened.end(), opened[1] is None
    while more:
        scalars = _MEMBERS.match(text, position)
        start, position = position, scalars.end() if scalars else position
        pairs += _MEMBER.findall(text, start, position)  # one call for all of them is what makes this quick
        if scalars and scalars[1] is not None:
            break
        name, value, position = _read_nested_member(text, position)
        pairs.append((name, value))
        position, more = _read_separator(text, position, pattern=_NEXT)
    if position != len(text):
        raise _bad("there is more after its end", position)
    return _unique(pairs, max_members=max_members)


def read_usual_object(text: str, *, last: str) -> tuple[dict[str, object], str] | None:
    """Read an object as producers mostly write it, a third of the time that `read_object` takes.

    Usual is: the member named `last` comes last, before it are scalars only, without escaped quotes. Gives the decoded
    members before it and the text of its value; None for everything else, valid or not.
    """
    start = text.find(f'"{last}":')  # nearly always without a space
    if start > 0:
        begin = start + len(last) + 3
    else:
        start = text.find(f'"{last}"')
        colon = _COLON.match(text, start + len(last) + 2) if start > 0 else None
        if colon is None:
            return None
        begin = colon.end()
    head = text[:start].rstrip(_SPACE)
    rest = text[begin:].strip(_SPACE)
    if head[-1:] != "," or rest[-1:] != "}":
        return None
    value = rest[:-1].rstrip(_SPACE)
    try:
        members: dict[str, object] = orjson.loads(head[:-1] + "}")
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    kinds = list(map(type, members.values()))
    # Two quotes a string: where there are more, a name came twice, or a quote is escaped.
    quotes = 2 * (len(members) + kinds.count(str))
    usual = head.count('"') == quotes and last not in members and _SCALARS.issuperset(kinds)
    return (members, value) if usual else None


def read_array(text: str, *, max_elements: int) -> list[str]:
    """Split a JSON array of objects into the texts of its elements; raises Invalid `BadJSON` or `TooManyEvents`."""
    opened = _OPEN_ARRAY.match(text)
    if opened is None:
        raise _bad("it is no array", 0)
    elements: list[str] = []
    position, more = opened.end(), opened[1] is None
    while more:
        if not text.startswith("{", position):
            raise _bad("an element is no object", position)
        end = _end_of_nested(text, position)
        elements.append(text[position:end])
        if len(elements) > max_elements:
            raise Invalid("TooManyEvents", f"a batch holds at most {max_elements} events; send several")
        position, more = _read_separator(text, end, pattern=_NEXT_ELEMENT)
    if position != len(text):
        raise _bad("there is more after its end", position)
    return elements


def read_string(text: str) -> str:
    """Decode a JSON string; raises Invalid `BadJSON` for half a surrogate pair."""
    if "\\" not in text:
        return text[1:-1]
    try:
        decoded: str = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise Invalid("BadJSON", f"a string of the event cannot be decoded: {exc.msg}") from exc
    return decoded


def check_json(text: str | bytes) -> None:
    """Accept text that is one JSON value, numbers of any size included, or raise Invalid `BadJSON` or `TooDeep`."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        if exc.msg.startswith("number is infinity"):
            plain = text if isinstance(text, str) else text.decode()
            check_json(_STRING_OR_NUMBER.sub(_zero_for_number, plain))
            return
        if exc.msg.startswith("depth limit"):
            raise Invalid("TooDeep", "data is nested more than 1,024 deep; flatten it") from exc
        raise _bad(exc.msg.partition(": line")[0], exc.pos) from exc


def _unique(pairs: list[tuple[str, str]], *, max_members: int) -> dict[str, str]:
    if len(pairs) > max_members:
        raise Invalid("TooManyAttributes", f"the event has more than {max_members} attributes; put some into data")
    members = dict(pairs)
    if "\\" in "".join(members):
        members = {read_string(f'"{name}"'): value for name, value in pairs}
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next((name for name in names if names.count(name) > 1), "an attribute")
        raise Invalid("DuplicateMember", f"the event names {twice!a} twice, and readers differ in which they take")
    return members


def _read_nested_member(text: str, position: int) -> tuple[str, str, int]:
    found = _NESTED_MEMBER.match(text, position)
    if found is None:
        raise _bad('a member does not read as `"name": value`', position)
    value = _read_nested(text, found.end())
    return found[1], value, found.end() + len(value)


def _read_nested(text: str, start: int) -> str:
    value = text[start : _end_of_nested(text, start)]
    check_json(value)
    return value


def _end_of_nested(text: str, start: int) -> int:
    try:
        return _SCANNER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):  # to be told what it is, at our own depth
        return _closing_bracket(text, start)


def _closing_bracket(text: str, start: int) -> int:
    depth = 0
    for found in _BRACKET.finditer(text, start):
        if found[1] is not None:
            depth += 1
        elif text[found.start()] != '"':
            depth -= 1
            if depth == 0:
                return found.end()
    raise _bad("an object or array has no end", start)


def _read_separator(text: str, position: int, *, pattern: re.Pattern[str]) -> tuple[int, bool]:
    found = pattern.match(text, position)
    if found is None:
        raise _bad("a comma or a closing bracket is missing", position)
    return found.end(), found[1] == ","


def _zero_for_number(found: re.Match[str]) -> str:
    if found[1] is not None:
        return found[1]
    return "0" if _WHOLE_NUMBER.fullmatch(found[0]) else found[0]


def _bad(fault: str, position: int) -> Invalid:
    return Invalid("BadJSON", f"the event is not valid JSON: {fault} (character {position})")
