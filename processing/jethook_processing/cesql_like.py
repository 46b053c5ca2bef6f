"""Patterns of the CESQL operator LIKE: `%` any text, `_` one character, both literal after a backslash.

Source: CloudEvents SQL Expression Language 1.0.0, section 3.4.3. A pattern is never turned into a regular expression
as a whole: with several `%` that would take exponential time on some texts. The parts between the `%` are looked for
from left to right, each at its first place, which takes at most the length of the text times that of the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_PIECE = re.compile(r"\\[%_]|.", re.DOTALL)


def like(pattern: str) -> Callable[[str], bool]:
    """Make the test for a pattern."""
    first, *rest = _parts(pattern)
    if not rest:
        whole = re.compile(first, re.DOTALL)
        return lambda text: whole.fullmatch(text) is not None
    head, tail = re.compile(first, re.DOTALL), re.compile(rest[-1], re.DOTALL)
    tail_length = _length_of_last(pattern)
    middle = [re.compile(one, re.DOTALL) for one in rest[:-1] if one]

    def fits(text: str) -> bool:
        begun = head.match(text)
        if begun is None:
            return False
        position, end = begun.end(), len(text) - tail_length
        for part in middle:
            found = part.search(text, position, end) if position <= end else None
            if found is None:
                return False
            position = found.end()
        return position <= end and tail.fullmatch(text, end) is not None

    return fits


def _parts(pattern: str) -> list[str]:
    """Split at each `%`, and write the parts as regular expressions of a fixed length."""
    parts = [""]
    for piece in _PIECE.findall(pattern):
        if piece == "%":
            parts.append("")
        else:
            parts[-1] += "." if piece == "_" else re.escape(piece.removeprefix("\\") if len(piece) > 1 else piece)
    return parts


def _length_of_last(pattern: str) -> int:
    """Count the characters that the part after the last `%` takes."""
    count = 0
    for piece in _PIECE.findall(pattern):
        count = 0 if piece == "%" else count + 1
    return count
