"""The functions of CESQL. Source: CloudEvents SQL Expression Language 1.0.0, section 3.5, and its test kit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jethook_processing.cesql_values import MAX_INTEGER, MIN_INTEGER, Fault, Faults, Type, Value

Body = Callable[[Sequence[Any], Faults], Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function: `parameters` are the types of its arguments, `more` that of any number of further ones."""

    name: str
    parameters: tuple[Type, ...]
    more: Type | None = None
    returns: Type
    body: Body

    def takes(self, count: int) -> bool:
        """Tell whether it can be called with so many arguments."""
        return count == len(self.parameters) or (self.more is not None and count > len(self.parameters))

    def parameter(self, index: int) -> Type:
        """Give the type of an argument, counted from 0."""
        if index < len(self.parameters):
            return self.parameters[index]
        return self.more or self.parameters[-1]


def find_function(name: str, *, count: int) -> Function | None:
    """Find a function by its name, in any case, and the number of its arguments."""
    return next((one for one in _BY_NAME.get(name.upper(), ()) if one.takes(count)), None)


def _absolute(arguments: Sequence[Any], faults: Faults) -> Value:
    (number,) = arguments
    if number == MIN_INTEGER:
        faults.append(Fault("Math", "ABS of the smallest whole number has more than 32 bits"))
        return MAX_INTEGER
    return abs(int(number))


def _left(arguments: Sequence[Any], faults: Faults) -> Value:
    text, count = arguments
    if count < 0:
        return _failed(faults, "LEFT of less than no characters", gives=text)
    return str(text[:count])


def _right(arguments: Sequence[Any], faults: Faults) -> Value:
    text, count = arguments
    if count < 0:
        return _failed(faults, "RIGHT of less than no characters", gives=text)
    return str(text[max(0, len(text) - count) :])


def _substring(arguments: Sequence[Any], faults: Faults) -> Value:
    text, position, *length = arguments
    if abs(position) > len(text):
        return _failed(faults, "SUBSTRING from outside of the text", gives="")
    if length and length[0] < 0:
        return _failed(faults, "SUBSTRING of less than no characters", gives="")
    if position == 0:
        return ""
    start = position - 1 if position > 0 else len(text) + position
    return str(text[start : start + length[0]] if length else text[start:])


def _failed(faults: Faults, message: str, *, gives: str) -> str:
    faults.append(Fault("FunctionEvaluation", message))
    return gives


def _function(name: str, body: Body, *parameters: Type, returns: Type, more: Type | None = None) -> Function:
    return Function(name=name, parameters=parameters, more=more, returns=returns, body=body)


_FUNCTIONS = (
    _function("ABS", _absolute, "Integer", returns="Integer"),
    _function("LENGTH", lambda given, _: len(given[0]), "String", returns="Integer"),
    _function("CONCAT", lambda given, _: "".join(given), more="String", returns="String"),
    _function("CONCAT_WS", lambda given, _: given[0].join(given[1:]), "String", more="String", returns="String"),
    _function("LOWER", lambda given, _: given[0].lower(), "String", returns="String"),
    _function("UPPER", lambda given, _: given[0].upper(), "String", returns="String"),
    _function("TRIM", lambda given, _: given[0].strip(), "String", returns="String"),
    _function("LEFT", _left, "String", "Integer", returns="String"),
    _function("RIGHT", _right, "String", "Integer", returns="String"),
    _function("SUBSTRING", _substring, "String", "Integer", returns="String"),
    _function("SUBSTRING", _substring, "String", "Integer", "Integer", returns="String"),
    _function("INT", lambda given, _: given[0], "Integer", returns="Integer"),
    _function("BOOL", lambda given, _: given[0], "Boolean", returns="Boolean"),
    _function("STRING", lambda given, _: given[0], "String", returns="String"),
)
_BY_NAME: Mapping[str, tuple[Function, ...]] = {
    name: tuple(one for one in _FUNCTIONS if one.name == name) for name in {one.name for one in _FUNCTIONS}
}
FUNCTION_NAMES = tuple(sorted(_BY_NAME))
