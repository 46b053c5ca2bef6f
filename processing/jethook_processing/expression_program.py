"""Run a CEL expression over variables, within bounds of work that are the same on every machine.

Work is counted in bytes that an evaluation may touch, not in time. The figures come from the library as measured: a
step of a comprehension takes 0.6 us, one of `map` and `filter` copies what it has so far, a byte compared takes up to
26 ns where numbers are compared. The worst that passes takes about a fifth of a second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from jethook_contract.attributes import shown
from jethook_contract.errors import Invalid
from jethook_processing.expression_syntax import COPYING_MACROS, STEP, Checked, Macro, Mention, bad, check_syntax

if TYPE_CHECKING:
    import cel

MAX_STEPS = 10_000
MAX_COPYING_STEPS = 1_000
MAX_BYTES_TOUCHED = 16 * 1024 * 1024

_STEP_BUDGET = 8_000_000
_STEP_COST = _STEP_BUDGET // MAX_STEPS
_COPYING_STEP_COST = _STEP_BUDGET // MAX_COPYING_STEPS
_PATTERN_COST = 16_384
_SCALAR_BYTES = 8
# Mistakes that an author can see from the exception's kind alone; its text may hold values of the event.
_FAULTS: tuple[tuple[type[Exception], str], ...] = (
    (IndexError, "a list is shorter than the index that is read; compare with size() first"),
    (ZeroDivisionError, "a division by zero"),
    (OverflowError, "a number outside of 64 bits"),
    (TypeError, "an operation on values of other types than it takes; compare numbers with numbers, or convert"),
)


class Expression:
    """A compiled expression; `reason` is that of the Invalid which a failed evaluation raises."""

    def __init__(self, text: str, *, program: cel.Program, checked: Checked, condition: bool, reason: str) -> None:
        self.text = text
        self._program = program
        self._checked = checked
        self._reason = reason
        self._outer = tuple(mention for mention in checked.mentions if mention.macro is None)
        self._factor = 1 + sum(macro.operators for macro in checked.macros)
        self._path = checked.mentions[0].path if checked.is_path and not condition else None
        self._read = _tree(mention.path for mention in checked.mentions)

    @property
    def mentions(self) -> tuple[Mention, ...]:
        """List where variables are used."""
        return self._checked.mentions

    def evaluate(self, variables: Mapping[str, object], *, document_bytes: int) -> object:
        """Give the value as Python has it; raises Invalid with the expression's reason.

        `document_bytes`: size of what the variables hold, taken for each list or object that is mentioned.
        """
        if self._path is not None:
            return self._field(variables, self._path)
        self._check_size(variables, document_bytes=document_bytes)
        budget = _Budget(self._step_costs(variables, document_bytes=document_bytes))
        result = self._run(variables, budget=budget)
        if budget.left < 0:
            raise self.failed("it walks more items than an expression may; filter on fewer, or on an attribute")
        return result

    def failed(self, fault: str) -> Invalid:
        """Make the error of an evaluation that gave nothing."""
        return Invalid(self._reason, f"the CEL expression failed on this event: {fault}")

    def _field(self, variables: Mapping[str, object], path: tuple[str, ...]) -> object:
        """Read a field without the library, which would copy all that the variables hold to find it."""
        value: Any = variables
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                raise self.failed(self._fault(KeyError(name) if isinstance(value, Mapping) else TypeError()))
            value = value[name]
        return value

    def _check_size(self, variables: Mapping[str, object], *, document_bytes: int) -> None:
        touched = self._factor * sum(_size(one, variables=variables, document=document_bytes) for one in self._outer)
        if touched > MAX_BYTES_TOUCHED:
            raise self.failed("the event is too large for so many comparisons; compare single fields, or fewer")

    def _step_costs(self, variables: Mapping[str, object], *, document_bytes: int) -> tuple[int, ...]:
        costs = [_step_cost(macro) for macro in self._checked.macros]
        for mention in self._checked.mentions:
            if mention.macro is not None:
                # The library copies what lies on the way: `event.data.name` copies event.data, at each step.
                on_the_way = document_bytes if len(mention.path) > 2 else 0  # noqa: PLR2004 -- event.data and a field
                costs[mention.macro] += on_the_way + _size(mention, variables=variables, document=document_bytes)
        return tuple(costs)

    def _run(self, variables: Mapping[str, object], *, budget: _Budget) -> object:
        given = _selected(variables, self._read)
        try:
            if self._checked.macros:
                return self._program.execute(_context(given, budget=budget))
            return self._program.execute(given)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:  # noqa: BLE001 -- a panic of the library is no Exception
            if budget.left < 0:
                return None
            raise self.failed(self._fault(exc)) from None

    def _fault(self, exc: BaseException) -> str:
        if isinstance(exc, KeyError):
            name = str(exc.args[0]) if exc.args else ""
            if not name or name not in self.text:  # a name that the event itself gave is not repeated
                return "a field that is read is missing; ask has() first"
            return f"there is no field {shown(name)}; ask has() first, as in has(event.data.amount)"
        return next((fault for kind, fault in _FAULTS if isinstance(exc, kind)), "a value that cannot be computed with")


class _Budget:
    """What the steps of one evaluation may cost; below zero it is spent."""

    def __init__(self, costs: tuple[int, ...]) -> None:
        self._costs = costs
        self.left = _STEP_BUDGET

    def step(self, macro: int) -> bool | int:
        """Pay for a step; 0 when there is nothing left, which is no condition, so that the library stops there."""
        self.left -= self._costs[macro]
        return True if self.left >= 0 else 0


def compile_expression(text: str, *, variables: Collection[str], condition: bool, reason: str) -> Expression:
    """Compile an expression over these variables; raises Invalid `BadExpression`.

    `condition`: it must give true or false, everything else fails at evaluation.
    """
    checked = check_syntax(text, variables=variables)
    program = _compiled(text, checked=None)
    if checked.macros or condition:
        program = _compiled(f"({checked.source}) ? true : false" if condition else checked.source, checked=checked)
    return Expression(text, program=program, checked=checked, condition=condition, reason=reason)


def _compiled(source: str, *, checked: Checked | None) -> cel.Program:
    import cel  # half a second and a terminal library: only a process that has an expression pays for them

    try:
        return cel.compile(source)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as exc:  # noqa: BLE001 -- a panic of the library is no Exception
        raise bad(_syntax_fault(str(exc)) if checked is None else "it cannot be compiled; simplify it") from None


def _syntax_fault(text: str) -> str:
    _, found, rest = text.partition("<input>:")
    if not found:
        return "it cannot be read as CEL; simplify it"
    line, _, rest = rest.partition(":")
    column, _, fault = rest.partition(":")
    return f"line {line[:6]}, character {column[:6]}: {shown(fault.strip().partition(' expecting')[0].splitlines()[0])}"


def _context(variables: dict[str, Any], *, budget: _Budget) -> cel.Context:
    import cel  # loaded by then

    return cel.Context(variables, {STEP: budget.step})


_Tree = dict[str, Any]  # of names; an empty one takes all that is below


def _tree(paths: Iterable[tuple[str, ...]]) -> _Tree:
    """Join the paths that an expression reads; one that ends above another takes the place of it."""
    tree: _Tree = {}
    for path in sorted(paths, key=len, reverse=True):  # the shorter ones last, since they take more
        place = tree
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = {}
    return tree


def _selected(value: Any, tree: _Tree) -> Any:
    """Give what an expression reads of the variables, since the library copies all that it is given."""
    if not tree or not isinstance(value, Mapping):
        return value
    return {name: _selected(value[name], below) for name, below in tree.items() if name in value}


def _step_cost(macro: Macro) -> int:
    base = _COPYING_STEP_COST if macro.name in COPYING_MACROS else _STEP_COST
    return base + _PATTERN_COST * macro.pattern_cost


def _size(mention: Mention, *, variables: Mapping[str, object], document: int) -> int:
    value: Any = variables
    for name in mention.path:
        if not isinstance(value, Mapping) or name not in value:
            return _SCALAR_BYTES
        value = value[name]
    if isinstance(value, str | bytes):
        return len(value)
    return document if isinstance(value, Mapping | list) else _SCALAR_BYTES
