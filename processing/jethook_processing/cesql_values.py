"""The values of CESQL, their casts, and the faults of an evaluation.

A value is a `bool`, a whole number of 32 bits or a text; None stands for an attribute that the event does not have.
An operator or function is total: beside a fault it gives a value. Source: CloudEvents SQL Expression Language 1.0.0,
sections 3.1, 3.3 and 3.7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

Value = bool | int | str
Type = Literal["Boolean", "Integer", "String"]
FaultKind = Literal["Math", "Cast", "MissingAttribute", "MissingFunction", "FunctionEvaluation"]

MIN_INTEGER = -(2**31)
MAX_INTEGER = 2**31 - 1

ZERO: Mapping[Type, Value] = {"Boolean": False, "Integer": 0, "String": ""}

_INTEGER = re.compile(r"[+-]?[0-9]{1,32}")
_BOOLEANS = {"true": True, "false": False}


class Fault(NamedTuple):
    """What went wrong at one place; `message` holds no value of the event."""

    kind: FaultKind
    message: str


Faults = list[Fault]


def type_of(value: Value) -> Type:
    """Name the type of a value."""
    if isinstance(value, bool):
        return "Boolean"
    return "Integer" if isinstance(value, int) else "String"


def fits_integer(value: int) -> bool:
    """Tell whether a whole number has 32 bits."""
    return MIN_INTEGER <= value <= MAX_INTEGER


def to_text(value: Value) -> str:
    """Cast to String, which always works."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_integer(value: Value, faults: Faults) -> int:
    """Cast to Integer; gives 0 and a Cast fault for a text that is none."""
    if not isinstance(value, str):
        return int(value)
    if _INTEGER.fullmatch(value) is not None and fits_integer(int(value)):
        return int(value)
    faults.append(Fault("Cast", "a text is no whole number of 32 bits"))
    return 0


def to_boolean(value: Value, faults: Faults) -> bool:
    """Cast to Boolean; gives False and a Cast fault for a text that is neither true nor false."""
    if not isinstance(value, str):
        return bool(value)
    found = _BOOLEANS.get(value.lower())
    if found is None:
        faults.append(Fault("Cast", "a text is neither true nor false"))
        return False
    return found


def cast(value: Value, wanted: Type, faults: Faults) -> Value:
    """Cast to a type; what cannot be cast gives the zero value of the type, and a Cast fault."""
    if wanted == "String":
        return to_text(value)
    return to_integer(value, faults) if wanted == "Integer" else to_boolean(value, faults)
