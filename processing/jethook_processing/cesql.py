"""CESQL, the CloudEvents SQL expression language, over the attributes of an event.

An expression is compiled once into nested functions, each of which gives a value and adds to the list of faults, so an
evaluation always ends and always has an answer. Source: CloudEvents SQL Expression Language 1.0.0.
"""

from __future__ import annotations

from typing import NamedTuple

from jethook_contract.errors import Bug, Invalid
from jethook_contract.event import CloudEvent
from jethook_processing import cesql_syntax as syntax
from jethook_processing.cesql_functions import FUNCTION_NAMES, find_function
from jethook_processing.cesql_like import like
from jethook_processing.cesql_operators import (
    ARITHMETIC,
    MISSING,
    Evaluate,
    attribute,
    binary,
    call,
    exists,
    matches,
    unary,
    unknown,
    within,
)
from jethook_processing.cesql_tokens import bad
from jethook_processing.cesql_values import Fault, Faults, Type, Value, type_of


class Evaluation(NamedTuple):
    """The value of an expression, and what went wrong on the way."""

    value: Value
    faults: tuple[Fault, ...]


class Cesql:
    """An expression, ready to be evaluated; raises Invalid `BadExpression` for one that cannot be parsed."""

    def __init__(self, text: str) -> None:
        self._evaluate = _compile(syntax.parse_cesql(text))

    def __call__(self, event: CloudEvent) -> Evaluation:
        """Evaluate the expression whole, whatever its faults (section 4.1, complete evaluation mode)."""
        faults: Faults = []
        value = self._evaluate(event, faults)
        if value is None:
            faults.append(MISSING)
            value = False
        return Evaluation(value, tuple(faults))


class CesqlPredicate:
    """A condition on an event.

    Raises Invalid `BadExpression` for an expression that cannot be parsed, calls a function that there is not, or can
    only give a number or a text.
    """

    def __init__(self, text: str) -> None:
        tree = syntax.parse_cesql(text)
        _check_functions(tree)
        if _type(tree) not in (None, "Boolean"):
            raise bad("it gives no boolean; compare what it gives with something")
        self._evaluate = _compile(tree)

    def __call__(self, event: CloudEvent) -> bool:
        """Tell whether the event fulfils the condition.

        With any fault it does not (section 1.2). A missing attribute alone is no failure, as in the other dialects;
        raises Invalid `FilterFailed` for every other fault, and for a value that is no boolean.
        """
        faults: Faults = []
        value = self._evaluate(event, faults)
        for fault in faults:
            if fault is not MISSING:
                raise Invalid("FilterFailed", f"the CESQL expression has no answer to the event: {fault.message}")
        if value is None or faults:
            return False
        if not isinstance(value, bool):
            raise Invalid("FilterFailed", "the CESQL expression gives no boolean; compare the attribute with something")
        return value


def _compile(node: syntax.Node) -> Evaluate:
    match node:
        case syntax.Literal(value):
            evaluate: Evaluate = lambda _event, _faults: value  # noqa: E731 -- one of several forms
        case syntax.Attribute(name):
            evaluate = attribute(name)
        case syntax.Exists(name):
            evaluate = exists(name)
        case syntax.Unary(operator, operand):
            evaluate = unary(operator, _compile(operand))
        case syntax.Binary(operator, left, right):
            evaluate = binary(operator, _compile(left), _compile(right))
        case syntax.Like(operand, pattern, negated):
            evaluate = matches(_compile(operand), like(pattern), negated=negated)
        case syntax.In(operand, elements, negated):
            evaluate = within(_compile(operand), tuple(map(_compile, elements)), negated=negated)
        case syntax.Call(name, arguments):
            evaluate = _compile_call(name, arguments)
        case _:
            raise Bug("UnknownNode", f"no way to evaluate {type(node).__name__}")
    return evaluate


def _compile_call(name: str, arguments: tuple[syntax.Node, ...]) -> Evaluate:
    function = find_function(name, count=len(arguments))
    if function is None:
        return unknown(name, len(arguments))
    return call(function, tuple(map(_compile, arguments)))


def _type(node: syntax.Node) -> Type | None:
    """Give the type of an expression, None for that of an attribute, which depends on the event."""
    match node:
        case syntax.Literal(value):
            return type_of(value)
        case syntax.Attribute():
            return None
        case syntax.Unary(operator, _) | syntax.Binary(operator, _, _):
            return "Integer" if operator in ARITHMETIC else "Boolean"
        case syntax.Call(name, arguments):
            function = find_function(name, count=len(arguments))
            return function.returns if function is not None else "Boolean"
        case _:
            return "Boolean"


def _check_functions(node: syntax.Node) -> None:
    """Accept calls of functions that there are; raises Invalid `BadExpression`."""
    waiting = [node]
    while waiting:
        match waiting.pop():
            case syntax.Unary(_, operand) | syntax.Like(operand, _, _):
                waiting.append(operand)
            case syntax.Binary(_, left, right):
                waiting += (left, right)
            case syntax.In(operand, elements, _):
                waiting += (operand, *elements)
            case syntax.Call(name, arguments):
                waiting += arguments
                if find_function(name, count=len(arguments)) is None:
                    raise bad(
                        f"there is no function {name} with {len(arguments)} arguments; there are"
                        f" {', '.join(FUNCTION_NAMES)}"
                    )
            case _:
                pass
