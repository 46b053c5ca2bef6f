"""The base of all records: frozen, versioned, unknown fields refused, JSON in and out."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from jethook_contract.errors import Invalid


class Record(BaseModel):
    """Be a value that crosses a process border as JSON with camelCase keys.

    Readers refuse what they do not know: a process that is older than the writer must not guess.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    def encode(self) -> bytes:
        """Write the record as JSON; fields that are None are left out."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a record, or raise Invalid `BadRecord` without repeating its content."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as exc:
            where = ", ".join(".".join(map(str, e["loc"])) + " " + e["type"] for e in exc.errors(include_input=False))
            raise Invalid("BadRecord", f"a {cls.__name__} cannot be read: {where}") from exc
