"""The operators of CESQL as functions over what evaluates their operands.

A subexpression with an attribute that the event does not have gives the zero value of its own type, and one
`MissingAttribute` fault; one whose operand has a fault gives that zero value too, which the test kit asks for.
Source: CloudEvents SQL Expression Language 1.0.0, sections 3.2 and 3.4. Where the text and its test kit differ, the kit
is followed: NOT of an Integer is a Cast fault.
"""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Mapping

from jethook_contract.event import CORE, CloudEvent
from jethook_processing.cesql_functions import Function
from jethook_processing.cesql_values import (
    ZERO,
    Fault,
    Faults,
    Type,
    Value,
    cast,
    fits_integer,
    to_boolean,
    to_integer,
    to_text,
    type_of,
)

Evaluate = Callable[[CloudEvent, Faults], Value | None]

MISSING = Fault("MissingAttribute", "the event does not have an attribute that the expression names")


def exists(name: str) -> Evaluate:
    """Make EXISTS."""
    look = attribute(name)
    return lambda event, faults: look(event, faults) is not None


def _without(value: Value | None, faults: Faults, *, gives: Type) -> Value:
    """Give the zero value for an operand that is missing (None) or came with a fault."""
    if value is None:
        faults.append(MISSING)
    return ZERO[gives]


def attribute(name: str) -> Evaluate:
    """Look an attribute up by its name in lower case."""
    if name in CORE:
        look = operators.attrgetter(name)
        return lambda event, _faults: look(event)

    def extension(event: CloudEvent, _faults: Faults) -> Value | None:
        value = event.extensions.get(name)
        if isinstance(value, int) and not fits_integer(value):
            return str(value)  # no primitive type of CESQL (section 3.2)
        return value

    return extension


def unary(operator: str, operand: Evaluate) -> Evaluate:
    """Make NOT or `-`."""
    return _negate(operand) if operator == "-" else _invert(operand)


def binary(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """Make a logical operator, a comparison or arithmetic."""
    if operator in ("AND", "OR"):
        return _short_circuit(left, right, ends_with=operator == "OR")
    if operator == "XOR":
        return _xor(left, right)
    if operator in ("=", "!=", "<>"):
        return _equal(left, right, negated=operator != "=")
    if operator in _ORDERS:
        return _ordered(left, right, _ORDERS[operator])
    return _arithmetic(left, right, operator)


def _negate(operand: Evaluate) -> Evaluate:
    def negate(event: CloudEvent, faults: Faults) -> Value:
        value = operand(event, faults)
        if value is None or faults:
            return _without(value, faults, gives="Integer")
        return _bounded(-to_integer(value, faults), faults)

    return negate


def _invert(operand: Evaluate) -> Evaluate:
    def invert(event: CloudEvent, faults: Faults) -> Value:
        value = operand(event, faults)
        if value is None or faults:
            return _without(value, faults, gives="Boolean")
        if isinstance(value, int) and not isinstance(value, bool):
            faults.append(Fault("Cast", "NOT of a whole number"))
            return True
        return not to_boolean(value, faults)

    return invert


def _short_circuit(left: Evaluate, right: Evaluate, *, ends_with: bool) -> Evaluate:
    """Make AND (which ends with a false left side) or OR (with a true one)."""

    def logical(event: CloudEvent, faults: Faults) -> Value:
        value = left(event, faults)
        if value is None or faults:
            return _without(value, faults, gives="Boolean")
        if to_boolean(value, faults) is ends_with:
            return ends_with
        value = right(event, faults)
        if value is None or faults:
            return _without(value, faults, gives="Boolean")
        return to_boolean(value, faults)

    return logical


def _xor(left: Evaluate, right: Evaluate) -> Evaluate:
    def xor(event: CloudEvent, faults: Faults) -> Value:
        one, other = left(event, faults), right(event, faults)
        if one is None or other is None or faults:
            return _without(None if one is None else other, faults, gives="Boolean")
        return to_boolean(one, faults) is not to_boolean(other, faults)

    return xor


def _equal(left: Evaluate, right: Evaluate, *, negated: bool) -> Evaluate:
    def equal(event: CloudEvent, faults: Faults) -> Value:
        one, other = left(event, faults), right(event, faults)
        if one is None or other is None or faults:
            return _without(None if one is None else other, faults, gives="Boolean")
        if type(one) is not type(other):
            one = cast(one, type_of(other), faults)
            if faults:
                return False
        return (one == other) is not negated

    return equal


_ORDERS: Mapping[str, Callable[[int, int], bool]] = {
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}


def _ordered(left: Evaluate, right: Evaluate, compare: Callable[[int, int], bool]) -> Evaluate:
    def ordered(event: CloudEvent, faults: Faults) -> Value:
        one, other = left(event, faults), right(event, faults)
        if one is None or other is None or faults:
            return _without(None if one is None else other, faults, gives="Boolean")
        numbers = to_integer(one, faults), to_integer(other, faults)
        return not faults and compare(*numbers)

    return ordered


def _arithmetic(left: Evaluate, right: Evaluate, operator: str) -> Evaluate:
    compute = ARITHMETIC[operator]

    def arithmetic(event: CloudEvent, faults: Faults) -> Value:
        one, other = left(event, faults), right(event, faults)
        if one is None or other is None or faults:
            return _without(None if one is None else other, faults, gives="Integer")
        numbers = to_integer(one, faults), to_integer(other, faults)
        if faults:
            return 0
        if operator in "/%" and numbers[1] == 0:
            faults.append(Fault("Math", "division by zero"))
            return 0
        return _bounded(compute(*numbers), faults)

    return arithmetic


def _quotient(one: int, other: int) -> int:
    """Divide towards zero, as the specification has it; Python divides downwards."""
    return abs(one) // abs(other) * (1 if (one < 0) is (other < 0) else -1)


ARITHMETIC: Mapping[str, Callable[[int, int], int]] = {
    "+": operators.add,
    "-": operators.sub,
    "*": operators.mul,
    "/": _quotient,
    "%": lambda one, other: one - other * _quotient(one, other),
}


def _bounded(value: int, faults: Faults) -> int:
    if fits_integer(value):
        return value
    faults.append(Fault("Math", "a result has more than 32 bits"))
    return 0


def matches(operand: Evaluate, fits: Callable[[str], bool], *, negated: bool) -> Evaluate:
    """Make LIKE or NOT LIKE."""

    def compared(event: CloudEvent, faults: Faults) -> Value:
        value = operand(event, faults)
        if value is None or faults:
            return _without(value, faults, gives="Boolean")
        return fits(to_text(value)) is not negated

    return compared


def within(operand: Evaluate, elements: tuple[Evaluate, ...], *, negated: bool) -> Evaluate:
    """Make IN or NOT IN; the elements are cast to the type of the operand."""

    def found(event: CloudEvent, faults: Faults) -> Value:
        value = operand(event, faults)
        if value is None or faults:
            return _without(value, faults, gives="Boolean")
        wanted = type_of(value)
        for element in elements:
            other = element(event, faults)
            if other is None or faults:
                return _without(other, faults, gives="Boolean")
            same = cast(other, wanted, faults) == value
            if faults:
                return False
            if same:
                return not negated
        return negated

    return found


def unknown(name: str, count: int) -> Evaluate:
    """Make the call of a function that does not exist."""
    fault = Fault("MissingFunction", f"there is no function {name} with {count} arguments")

    def called(_event: CloudEvent, faults: Faults) -> Value:
        faults.append(fault)
        return False

    return called


def call(function: Function, arguments: tuple[Evaluate, ...]) -> Evaluate:
    """Make the call of a function; each argument is cast to the type of its parameter."""
    given = tuple((argument, function.parameter(index)) for index, argument in enumerate(arguments))

    def called(event: CloudEvent, faults: Faults) -> Value:
        values = []
        for argument, wanted in given:
            value = argument(event, faults)
            if value is None or faults:
                return _without(value, faults, gives=function.returns)
            values.append(cast(value, wanted, faults))
        if faults:
            return ZERO[function.returns]
        return function.body(values, faults)

    return called
