"""From pydantic's JSON schema to a Kubernetes structural schema, by a closed set of keywords.

A keyword that is not in the table is refused by name, so that nothing is lost or slips through unseen. Every string is
bounded by maxLength (or an enum, or a format that bounds it) and every list by maxItems: the API server prices CEL
rules by these bounds, and all that comes from outside has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jethook_contract.errors import Bug

Schema = dict[str, Any]

_REASON = "NoStructuralSchema"
_NULL = {"type": "null"}
_FREE = "x-kubernetes-preserve-unknown-fields"
_COPIED = frozenset(
    {
        "enum", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength",
        "minProperties", "minimum", "required", "type", "x-kubernetes-list-map-keys", "x-kubernetes-list-type",
        "x-kubernetes-validations", _FREE,
    }
)  # fmt: skip
_READING_ORDER = ("description", "type", "format", "enum", "default")
_DROPPED = frozenset({"title", "$defs"})
_FORMATS = frozenset({"date-time"})


def translate(raw: Schema, *, definitions: Mapping[str, Schema], path: str) -> Schema:
    """Translate one JSON schema; `definitions` are what its references name, `path` leads to it in messages.

    Raises Bug `NoStructuralSchema` for what has no place in a structural schema.
    """
    schema: Schema = {}
    for keyword, value in _plain(raw, definitions, path).items():
        schema.update(_translated(keyword, value, definitions=definitions, path=path))
    _bounded(schema, path)
    return {keyword: schema[keyword] for keyword in sorted(schema, key=_place)}


def _place(keyword: str) -> tuple[int, str]:
    """Order keywords as a person reads them, the long ones (items, properties) and Kubernetes' own last."""
    first = _READING_ORDER.index(keyword) if keyword in _READING_ORDER else len(_READING_ORDER)
    return first, keyword


def _plain(raw: Schema, definitions: Mapping[str, Schema], path: str) -> Schema:
    """Resolve a reference and unwrap `X | None`; what stands beside them wins, a default of null is none."""
    schema = dict(raw)
    while "$ref" in schema or "anyOf" in schema:
        inner = schema.pop("anyOf", None)
        if inner is not None:
            (choice,) = _choices(inner, path)
            schema = {**choice, **schema}
        if "$ref" in schema:
            name = str(schema.pop("$ref")).removeprefix("#/$defs/")
            schema = {**definitions[name], **schema}
    if schema.get("default", ...) is None:
        del schema["default"]
    return schema


def _choices(inner: list[Schema], path: str) -> list[Schema]:
    choices = [choice for choice in inner if choice != _NULL]
    if len(choices) != 1 or len(inner) != len(choices) + 1:
        raise _refused(path, "anyOf other than `X | None`")
    return choices


def _translated(keyword: str, value: Any, *, definitions: Mapping[str, Schema], path: str) -> Schema:
    if keyword in _COPIED:
        return {keyword: value}
    if keyword in _DROPPED or (keyword == "additionalProperties" and value is False):
        return {}
    special = _SPECIAL.get(keyword)
    if special is None:
        raise _refused(path, f"keyword {keyword}")
    return special(value, definitions, path)


def _properties(value: Schema, definitions: Mapping[str, Schema], path: str) -> Schema:
    return {
        "properties": {
            name: translate(inner, definitions=definitions, path=f"{path}.{name}") for name, inner in value.items()
        }
    }


def _values(value: Any, definitions: Mapping[str, Schema], path: str) -> Schema:
    if not isinstance(value, dict):
        raise _refused(path, "a map of anything")
    return {"additionalProperties": translate(value, definitions=definitions, path=f"{path}.*")}


def _items(value: Schema, definitions: Mapping[str, Schema], path: str) -> Schema:
    return {"items": translate(value, definitions=definitions, path=f"{path}[]")}


def _default(value: Any, _definitions: Mapping[str, Schema], _path: str) -> Schema:
    """Leave out of a default object, at every depth, what is not set: the API server takes no null for it."""
    return {"default": _given(value)}


def _given(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _given(inner) for name, inner in value.items() if inner is not None}


def _const(value: Any, _definitions: Mapping[str, Schema], _path: str) -> Schema:
    return {"enum": [value]}


def _format(value: Any, _definitions: Mapping[str, Schema], path: str) -> Schema:
    if value not in _FORMATS:
        raise _refused(path, f"format {value}")
    return {"format": value}


def _description(value: str, _definitions: Mapping[str, Schema], _path: str) -> Schema:
    return {"description": " ".join(value.split())}


_SPECIAL: Mapping[str, Callable[[Any, Mapping[str, Schema], str], Schema]] = {
    "properties": _properties,
    "items": _items,
    "additionalProperties": _values,
    "default": _default,
    "const": _const,
    "format": _format,
    "description": _description,
}


def _bounded(schema: Schema, path: str) -> None:
    kind = schema.get("type")
    if schema.get(_FREE) is True and kind is None:
        return  # any JSON, bounded by whoever reads it
    if kind is None:
        raise _refused(path, "a schema without a type")
    if kind == "number":
        raise _refused(path, "type number: use an integer with its unit in the name")
    if kind == "string" and not schema.keys() & {"maxLength", "enum", "format"}:
        raise _refused(path, "a string without maxLength")
    if "additionalProperties" in schema and "maxProperties" not in schema:
        raise _refused(path, "a map without maxProperties")
    if kind == "array" and not {"maxItems", "x-kubernetes-list-type"} <= schema.keys():
        raise _refused(path, "a list without maxItems and list type")


def _refused(path: str, what: str) -> Bug:
    return Bug(_REASON, f"{path}: {what} has no place in a structural schema; change the model or structural.py")
