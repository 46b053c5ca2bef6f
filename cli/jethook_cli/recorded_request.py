"""Read a recorded request and keys from files and options, bounded."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from jethook_contract.errors import Invalid

_MAX_BODY_BYTES = 16 * 1024 * 1024
_MAX_TEXT_BYTES = 64 * 1024
_MAX_KEYS = 32
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request as it came; header names in lower case, a repeated one joined by commas (RFC 9110, section 5.2)."""

    headers: dict[str, str]
    body: bytes = field(repr=False)
    method: str
    url: str | None


def read_keys(given: Iterable[str], *, files: Iterable[Path], variable: str) -> tuple[SecretStr, ...]:
    """Gather the keys: those of options, of files, then of a variable's text; raise Invalid `NoKey` for none."""
    texts = [text for text in given if text.strip()]
    for content in (*(_text(file, option="--key-file") for file in files), variable):
        texts += _PEM.findall(content) or [line for line in content.splitlines() if line.strip()]
    if not texts or len(texts) > _MAX_KEYS:
        raise Invalid("NoKey", f"1 to {_MAX_KEYS} keys are needed: give --key-file, or JETHOOK_VERIFY_KEY")
    return tuple(map(SecretStr, texts))


def read_headers(given: Iterable[str], *, file: Path | None) -> dict[str, str]:
    """Gather `name: value` lines; a request or status line before them is skipped."""
    lines = [] if file is None else [line for line in _text(file, option="--headers-file").splitlines() if line.strip()]
    if lines and (lines[0].startswith("HTTP/") or " HTTP/" in lines[0]):
        lines = lines[1:]
    headers: dict[str, str] = {}
    for number, line in enumerate([*lines, *given], start=1):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Invalid("BadHeader", f"header {number} is no `name: value`")
        lower = name.strip().lower()
        headers[lower] = f"{headers[lower]}, {value.strip()}" if lower in headers else value.strip()
    return headers


def read_body(path: Path) -> bytes:
    """Read the body byte for byte; raise Invalid `BodyTooLarge` over 16 MiB."""
    try:
        if str(path) == "-":
            body = sys.stdin.buffer.read(_MAX_BODY_BYTES + 1)
        else:
            with path.open("rb") as file:
                body = file.read(_MAX_BODY_BYTES + 1)
    except OSError as exc:
        raise Invalid("Unreadable", f"--body-file {path} cannot be read: {exc.strerror}") from exc
    if len(body) > _MAX_BODY_BYTES:
        raise Invalid("BodyTooLarge", f"--body-file {path} is over {_MAX_BODY_BYTES} bytes")
    return body


def _text(path: Path, *, option: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_TEXT_BYTES + 1)
        if len(content) <= _MAX_TEXT_BYTES:
            return content.decode()
    except OSError as exc:
        raise Invalid("Unreadable", f"{option} {path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise Invalid("Unreadable", f"{option} {path} is no UTF-8 text") from exc
    raise Invalid("Unreadable", f"{option} {path} is over {_MAX_TEXT_BYTES} bytes")
