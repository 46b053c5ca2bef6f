"""The closed set of keywords: what is translated how, and that everything else is refused by name."""

import re
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from jethook_contract.errors import Bug
from jethook_operator.api.rules import ListType, Rule
from jethook_operator.api.structural import translate

SHORT = Annotated[str, Field(max_length=8)]
NOT_EMPTY = Rule(cel="self != ''", message="must not be empty", check=bool)


class Inner(BaseModel):
    """The text of the model."""

    name: SHORT


class Outer(BaseModel):
    inner: Inner = Field(description="The text\n  of the field.")
    maybe: Inner | None = None
    number: int | None = Field(default=None, ge=0, le=3)
    kind: Literal["One"] = "One"
    choice: Literal["A", "B"]
    names: Annotated[tuple[Annotated[SHORT, NOT_EMPTY], ...], Field(max_length=2), ListType("set")] = ()
    flag: bool = False


def translated(model: type[BaseModel]) -> dict[str, Any]:
    raw = model.model_json_schema()
    return translate(raw, definitions=raw.get("$defs", {}), path="it")


def test_what_the_models_use_is_translated() -> None:
    name = {"type": "string", "maxLength": 8}
    inner = {"type": "object", "properties": {"name": name}, "required": ["name"]}
    assert translated(Outer) == {
        "type": "object",
        "required": ["inner", "choice"],
        "properties": {
            "inner": {**inner, "description": "The text of the field."},
            "maybe": {**inner, "description": "The text of the model."},
            "number": {"type": "integer", "minimum": 0, "maximum": 3},
            "kind": {"type": "string", "enum": ["One"], "default": "One"},
            "choice": {"type": "string", "enum": ["A", "B"]},
            "names": {
                "type": "array",
                "maxItems": 2,
                "default": [],
                "x-kubernetes-list-type": "set",
                "items": {
                    **name,
                    "x-kubernetes-validations": [{"rule": "self != ''", "message": "must not be empty"}],
                },
            },
            "flag": {"type": "boolean", "default": False},
        },
    }


@pytest.mark.parametrize(
    "keyword",
    [
        *["exclusiveMinimum", "exclusiveMaximum", "multipleOf", "pattern", "uniqueItems"],
        *["allOf", "oneOf", "not", "if", "patternProperties", "prefixItems", "examples", "deprecated", "readOnly"],
        *["discriminator", "contentMediaType", "$anchor", "nullable"],
    ],
)
def test_an_unknown_keyword_is_refused_by_name(keyword: str) -> None:
    field = {"type": "integer", keyword: {"any": "value"}}
    with pytest.raises(Bug, match=rf"it\.field: keyword {re.escape(keyword)} has no place"):
        translate({"type": "object", "properties": {"field": field}}, definitions={}, path="it")


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ({"type": "string"}, "a string without maxLength"),
        ({"type": "array", "items": {"type": "integer"}}, "a list without maxItems and list type"),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 3}, "a list without maxItems and list type"),
        ({"type": "number"}, "type number"),
        ({}, "a schema without a type"),
        ({"type": "string", "format": "uri"}, "format uri"),
        ({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, "anyOf other than"),
        ({"anyOf": [{"type": "integer"}, {"type": "boolean"}, {"type": "null"}]}, "anyOf other than"),
    ],
)
def test_what_has_no_bound_or_no_type_is_refused(schema: dict[str, Any], what: str) -> None:
    with pytest.raises(Bug, match=what):
        translate(schema, definitions={}, path="it")


def test_an_exclusive_bound_in_a_model_is_refused() -> None:
    class Exclusive(BaseModel):
        number: int = Field(gt=0)

    with pytest.raises(Bug, match=r"it\.number: keyword exclusiveMinimum"):
        translated(Exclusive)


def test_a_float_in_a_model_is_refused() -> None:
    class Ratio(BaseModel):
        ratio: float

    with pytest.raises(Bug, match=r"it\.ratio: type number"):
        translated(Ratio)


def test_a_map_of_bounded_texts_is_translated() -> None:
    raw = {"type": "object", "additionalProperties": {"type": "string", "maxLength": 8}, "maxProperties": 2}
    assert translate(raw, definitions={}, path="it") == raw


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        ({"additionalProperties": {"type": "string", "maxLength": 8}}, "it: a map without maxProperties"),
        ({"additionalProperties": {"type": "string"}, "maxProperties": 2}, r"it\.\*: a string without maxLength"),
        ({"additionalProperties": True, "maxProperties": 2}, "it: a map of anything"),
    ],
)
def test_an_unbounded_map_is_refused(raw: dict[str, Any], what: str) -> None:
    with pytest.raises(Bug, match=what):
        translate({"type": "object", **raw}, definitions={}, path="it")


def test_a_default_object_holds_no_null() -> None:
    raw = {"type": "object", "default": {"a": None, "b": 1}}
    assert translate(raw, definitions={}, path="it") == {"type": "object", "default": {"b": 1}}
