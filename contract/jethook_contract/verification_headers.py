"""Read the headers of a request that may be hostile: any case of the name, bounded values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jethook_contract.errors import Invalid

TOLERANCE_SECONDS = 300
_MAX_HEADER_CHARACTERS = 16 * 1024
_MAX_TIME_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was verified.

    `scheme`: `v1`, `v1a`, `HMAC`, or the algorithm of an HTTP message signature, such as `ed25519`. `key`: position of
    the key that fits among those given, from 0. `timestamp`: signed Unix time in seconds; None where the scheme has no
    time.
    """

    scheme: str
    key: int
    timestamp: int | None


def header_of(headers: Mapping[str, str], name: str) -> str:
    """Give the value of a header, whatever the case of its name; raise Invalid `MissingHeader` or `BadHeader`."""
    value = optional_header(headers, name)
    if value is None:
        raise Invalid("MissingHeader", f"header {name} is missing")
    return value


def optional_header(headers: Mapping[str, str], name: str) -> str | None:
    """Give the value of a header without the space around it; None when it is missing or empty."""
    lower = name.lower()
    value = headers.get(lower)
    if value is None:
        value = next((value for key, value in headers.items() if key.lower() == lower), "")
    if len(value) > _MAX_HEADER_CHARACTERS:
        raise Invalid("BadHeader", f"header {name} is longer than {_MAX_HEADER_CHARACTERS} characters")
    return value.strip() or None


def unix_time(text: str, *, header: str) -> int:
    """Read a time, or raise Invalid `BadTimestamp`."""
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_TIME_DIGITS:
        raise Invalid("BadTimestamp", f"header {header} holds no Unix time in whole seconds")
    return int(text)


def check_time(timestamp: int, *, header: str, now: float, tolerance_seconds: float | None) -> None:
    """Refuse a replay: raise Invalid `StaleTimestamp` when the time is too far away; a tolerance of None: never."""
    if tolerance_seconds is not None and abs(now - timestamp) > tolerance_seconds:
        raise Invalid("StaleTimestamp", f"the time in header {header} is over {tolerance_seconds:g} s from our clock")
