"""Rules of validation that are written once and kept twice: by the API server as CEL, by `parse` as Python.

A `Rule` stands in a field's annotation or in a model's `rules`. The generator emits its CEL expression, the model runs
its check, and both answer with the same message. `ListType` does the same for what Kubernetes knows of lists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `cel` sees the value as `self`, `check` as its argument, in Python form; both say whether it is legal.

    `message` says the fault and the cure and never holds the value; the path of the field is put before it.
    """

    cel: str
    message: str
    check: Callable[[Any], bool]

    def enforce(self, value: Any) -> Any:
        """Give the value back, or raise the message as pydantic wants it."""
        if self.check(value):
            return value
        raise PydanticCustomError("rule", "{text}", {"text": self.message})

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.enforce, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return with_rules(handler(schema), (self,))


@dataclass(frozen=True, slots=True)
class ListType:
    """Say how server-side apply merges a list, and refuse duplicates: `keys` are Python names of a map's key fields."""

    kind: Literal["atomic", "set", "map"]
    keys: tuple[str, ...] = ()

    def enforce(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give the items back, or raise on the first one that is there twice."""
        seen: set[Any] = set()
        for item in items if self.kind != "atomic" else ():
            key = tuple(getattr(item, name) for name in self.keys) if self.kind == "map" else item
            if key in seen:
                shown = json.dumps(key if self.kind == "set" else dict(zip(self.keys, key, strict=True)))
                raise PydanticCustomError("duplicate", "{text}", {"text": f"Duplicate value: {shown}; remove one"})
            seen.add(key)
        return items

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.enforce, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        keys: JsonSchemaValue = {"x-kubernetes-list-map-keys": list(self.keys)} if self.keys else {}
        return {**handler(schema), "x-kubernetes-list-type": self.kind, **keys}


def spelled(pattern: str, *, message: str) -> Rule:
    """Make the rule that a string is spelled as a regular expression that RE2 and Python read alike.

    The pattern holds no double quote and no anchors; it must match the whole string.
    """
    compiled = re.compile(pattern)
    return Rule(
        cel=f'self.matches(r"^(?:{pattern})$")',
        message=message,
        check=lambda text: compiled.fullmatch(text) is not None,
    )


def with_rules(schema: JsonSchemaValue, rules: tuple[Rule, ...]) -> JsonSchemaValue:
    """Append rules to those that a JSON schema has."""
    emitted = [{"rule": rule.cel, "message": rule.message} for rule in rules]
    return {**schema, VALIDATIONS: [*schema.get(VALIDATIONS, []), *emitted]} if emitted else schema
