"""Read `Signature-Input`, `Signature` and `Content-Digest`: the part of Structured Fields (RFC 9651) they need.

Read strictly: what is not in canonical form, or names a label twice, is refused rather than guessed.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from jethook_contract.errors import Invalid

_MAX_MEMBERS = 16
_MAX_COMPONENTS = 32
_KEY = r"[a-z*][a-z0-9_.*-]*"
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_INTEGER = r"-?(?:0|[1-9][0-9]{0,14})"
_MEMBER = re.compile(rf"[ \t]*({_KEY})=")
_COMPONENT = re.compile(rf"[ ]*({_STRING})(?=[ )])")
_PARAMETER = re.compile(rf";[ ]*({_KEY})=({_STRING}|{_INTEGER})")
_BYTES = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_COMMA = re.compile(r"[ \t]*,")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureInput:
    """What one signature covers: names of components, in order, and its parameters."""

    components: tuple[str, ...]
    parameters: tuple[tuple[str, str | int], ...]

    def parameter(self, name: str) -> str | int | None:
        """Give a parameter; None when it is not there."""
        return dict(self.parameters).get(name)

    def encoded(self) -> str:
        """Write it as `@signature-params` has it (RFC 9421, section 2.3)."""
        components = " ".join(map(_quoted, self.components))
        parameters = "".join(
            f";{name}={value if isinstance(value, int) else _quoted(value)}" for name, value in self.parameters
        )
        return f"({components}){parameters}"


def signature_inputs(value: str) -> dict[str, SignatureInput]:
    """Read `Signature-Input`: label -> what it covers. Raises Invalid `BadHeader`."""
    reader = _Reader(value, header="signature-input")
    return {label: reader.inner_list() for label in reader.labels()}


def byte_members(value: str, *, header: str) -> dict[str, bytes]:
    """Read a dictionary of byte sequences, such as `Signature`. Raises Invalid `BadHeader`."""
    reader = _Reader(value, header=header)
    return {label: reader.byte_sequence() for label in reader.labels()}


class _Reader:
    """Walk over one header's value; each step takes a bounded, linear match."""

    def __init__(self, text: str, *, header: str) -> None:
        self._text = text.strip(" \t")
        self._header = header
        self._at = 0

    def labels(self) -> _Labels:
        return _Labels(self)

    def next_label(self, seen: set[str]) -> str:
        label = self._take(_MEMBER, what="a label and =").group(1)
        if label in seen or len(seen) == _MAX_MEMBERS:
            raise self._bad(f"label {label} is there twice, or there are over {_MAX_MEMBERS}")
        return label

    def inner_list(self) -> SignatureInput:
        self._expect("(")
        components: list[str] = []
        while not self._text.startswith(")", self._at):
            name = _unquoted(self._take(_COMPONENT, what="a component's name without parameters").group(1))
            if name in components or len(components) == _MAX_COMPONENTS or name != name.lower():
                raise self._bad("a component is there twice, is not in lower case, or there are too many")
            components.append(name)
            if self._text.startswith(" )", self._at):
                self._at += 1
        self._at += 1
        return SignatureInput(components=tuple(components), parameters=tuple(self._parameters()))

    def byte_sequence(self) -> bytes:
        encoded = self._take(_BYTES, what="base64 between colons").group(1)
        try:
            return base64.b64decode(encoded, validate=True)
        except binascii.Error as exc:
            raise self._bad("a value between colons is no base64") from exc

    def more(self) -> bool:
        """Step over the comma between members; False at the end."""
        if self._at == len(self._text):
            return False
        self._take(_COMMA, what="a comma")
        return True

    def _parameters(self) -> list[tuple[str, str | int]]:
        found: dict[str, str | int] = {}
        while self._text.startswith(";", self._at):
            name, value = self._take(_PARAMETER, what="a parameter that is a string or an integer").groups()
            if name in found or len(found) == _MAX_MEMBERS:
                raise self._bad(f"parameter {name} is there twice, or there are over {_MAX_MEMBERS}")
            found[name] = _unquoted(value) if value.startswith('"') else int(value)
        return list(found.items())

    def _expect(self, character: str) -> None:
        if not self._text.startswith(character, self._at):
            raise self._bad(f"{character} is missing at character {self._at + 1}")
        self._at += 1

    def _take(self, pattern: re.Pattern[str], *, what: str) -> re.Match[str]:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise self._bad(f"{what} is missing at character {self._at + 1}")
        self._at = match.end()
        return match

    def _bad(self, fault: str) -> Invalid:
        return Invalid("BadHeader", f"header {self._header}: {fault}")


class _Labels:
    """Give the labels one by one; the caller reads each member's value before it asks for the next."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._seen: set[str] = set()

    def __iter__(self) -> _Labels:
        return self

    def __next__(self) -> str:
        if self._seen and not self._reader.more():
            raise StopIteration
        label = self._reader.next_label(self._seen)
        self._seen.add(label)
        return label


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
