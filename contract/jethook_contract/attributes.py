"""The rules for the names and texts of CloudEvents attributes.

Source: CloudEvents 1.0.2, sections "Naming Conventions" and "Type System" (String).
"""

from __future__ import annotations

import re

from jethook_contract.errors import Invalid

MAX_ATTRIBUTES = 64
MAX_NAME_CHARACTERS = 64
MAX_VALUE_CHARACTERS = 8192

_NAME = re.compile(rf"[a-z0-9]{{1,{MAX_NAME_CHARACTERS}}}")
_LAST_TWO_OF_PLANES = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_ILLEGAL = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_LAST_TWO_OF_PLANES}]")


def check_name(name: str) -> None:
    """Accept the name of an attribute, or raise Invalid `BadAttributeName`.

    More than the 20 characters that the specification recommends are accepted, up to `MAX_NAME_CHARACTERS`.
    """
    if _NAME.fullmatch(name) is None:
        raise Invalid(
            "BadAttributeName",
            f"attribute {shown(name)}: a name is 1 to {MAX_NAME_CHARACTERS} of a-z and 0-9; rename it",
        )


def is_plain(value: str) -> bool:
    """Tell at once that nearly all Strings are legal; False says nothing."""
    return len(value) <= MAX_VALUE_CHARACTERS and value.isascii() and value.isprintable()


def check_string(name: str, value: str) -> None:
    """Accept a String, or raise Invalid `BadAttributeValue`; `name` says in the message where it stands."""
    if is_plain(value):
        return
    if len(value) > MAX_VALUE_CHARACTERS:
        raise Invalid(
            "BadAttributeValue",
            f"attribute {name}: {len(value)} characters, at most {MAX_VALUE_CHARACTERS} are accepted; put it into data",
        )
    found = _ILLEGAL.search(value)
    if found is not None:
        raise Invalid(
            "BadAttributeValue",
            f"attribute {name}: U+{ord(found.group()):04X} at character {found.start()} is no character that"
            " CloudEvents allows in a String; remove it",
        )


def shown(text: str) -> str:
    """Quote a foreign text for a message: ASCII only, at most 60 characters."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")  # noqa: PLR2004 -- said in the docstring
