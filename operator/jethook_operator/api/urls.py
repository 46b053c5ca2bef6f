"""URLs that Jethook sends requests to, of receivers and token endpoints, by rules that each name one fault."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import Field

from jethook_operator.api.rules import Rule, spelled

# RFC 3986. User name, password and fragment are let through here: rules of their own say what is wrong with them.
_HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
_PORT = r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})"
_WHOLE = spelled(
    rf"https?://(?:[^/?#]*@)?{_HOST}(?::{_PORT})?(?:/{_CHARACTER}*)?(?:\?(?:{_CHARACTER}|\?)*)?(?:#.*)?", message=""
)
_SCHEME = re.compile(r"https?://")
_USER = re.compile(r"[^/?#]*//[^/?#]*@")
_BRACKETS = re.compile(r"\[([^\]]*)\]")


def _is_whole(url: str) -> bool:
    if _SCHEME.match(url) is None:
        return True
    if not _WHOLE.check(url):
        return False
    literal = _BRACKETS.search(url)
    return literal is None or _is_address(literal.group(1))


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


_SCHEME_RULE = Rule(
    cel="self.startsWith('https://') || self.startsWith('http://')",
    message="must start with https:// or http://",
    check=lambda url: _SCHEME.match(url) is not None,
)
_USER_RULE = Rule(
    cel=f'!self.matches(r"^{_USER.pattern}")',
    message="must hold no user name or password; put them into a Secret that authentication refers to",
    check=lambda url: _USER.match(url) is None,
)
_FRAGMENT_RULE = Rule(
    cel="!self.contains('#')",
    message="must hold no fragment (# and what follows): it would never be sent; remove it",
    check=lambda url: "#" not in url,
)
_WHOLE_RULE = Rule(
    cel=f'!self.matches(r"^{_SCHEME.pattern}") || (isURL(self) && {_WHOLE.cel})',
    message="must be a URL with a host, such as https://hooks.example.com/orders: a port is 1 to 65535, what is no"
    " ASCII letter, digit or one of -._~!$&'()*+,;=:@/? is percent-encoded, a host beyond ASCII is written as xn--...",
    check=_is_whole,
)

Url = Annotated[str, Field(min_length=1, max_length=2048), _SCHEME_RULE, _USER_RULE, _FRAGMENT_RULE, _WHOLE_RULE]
