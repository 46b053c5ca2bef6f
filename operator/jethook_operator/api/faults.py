"""What pydantic found wrong, in words for the author of the YAML: path, fault, cure."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_MAX_FAULTS = 5
_MAX_SHOWN_CHARACTERS = 60
_TYPES = {
    "string_type": "a string (put it in quotes)",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "bool_type": "true or false, without quotes",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
}


def faults(error: ValidationError, *, model: type[BaseModel]) -> str:
    """Say up to five faults, each as `spec.retry.maxAttempts: <fault>; <cure>`, and how many more there are."""
    found = [_fault(details, model) for details in _own(error.errors(include_url=False))]
    more = [f"and {len(found) - _MAX_FAULTS} more"] if len(found) > _MAX_FAULTS else []
    return "; ".join([*found[:_MAX_FAULTS], *more])


def _own(found: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out that a list is too short when that is so only because pydantic does not count its faulty entries."""
    above = {details["loc"][:depth] for details in found for depth in range(len(details["loc"]))}
    return [details for details in found if details["type"] != "too_short" or details["loc"] not in above]


def _fault(details: ErrorDetails, model: type[BaseModel]) -> str:
    path = _path(details["loc"])
    text = _text(details, model)
    return f"{path}: {text}" if path else text


def _path(loc: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{_short(step)}" for step in loc)
    return "".join(steps).removeprefix(".")


def _text(details: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _TYPES:
        return f"it must be {_TYPES[kind]}"
    if kind == "extra_forbidden":
        return _unknown(str(details["loc"][-1]), _known(model, details["loc"][:-1]))
    said = _SENTENCES.get(kind)
    return said(details["input"], context) if said else str(context.get("text") or details["msg"])


_SENTENCES: Mapping[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "missing": lambda _, __: "it is required; add it",
    "greater_than_equal": lambda value, ctx: f"{value} is too small; give at least {ctx['ge']}",
    "less_than_equal": lambda value, ctx: f"{value} is too large; give at most {ctx['le']}",
    "string_too_short": lambda _, ctx: f"it is too short; give at least {ctx['min_length']} character",
    "string_too_long": lambda _, ctx: f"it is too long; give at most {ctx['max_length']} characters",
    "too_short": lambda _, ctx: f"it has too few entries; give at least {ctx['min_length']}",
    "too_long": lambda _, ctx: f"it has too many entries; give at most {ctx['max_length']}",
    "literal_error": lambda value, ctx: f"{_shown(value)} is not accepted here; give {ctx['expected']}",
}


def _unknown(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"unknown field; did you mean {close[0]}?" if close else f"unknown field; known here: {', '.join(known)}"


def _shown(value: object) -> str:
    return _short(json.dumps(value))


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else text[: _MAX_SHOWN_CHARACTERS - 3] + "..."


def _known(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """List the fields that are accepted at a place, by their names in YAML."""
    place: type[BaseModel] | None = model
    for step in loc:
        if isinstance(step, str) and place is not None:
            place = next(
                (_model_in(field.annotation) for field in place.model_fields.values() if field.alias == step), None
            )
    return [str(field.alias) for field in place.model_fields.values()] if place else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model within `Model`, `Model | None`, `tuple[Model, ...]`, `Annotated[...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {Annotated, Union, types.UnionType, tuple}:
        return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
    return None
