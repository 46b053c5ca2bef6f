"""A line of the log has a name that never changes; what changes are fields, and none holds what it must not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.files import ROOT, SOURCE_ROOTS

LEVELS = {"debug", "info", "warning", "error", "exception"}
SNAKE_CASE = re.compile(r"[a-z]+(_[a-z]+)*")
SENTENCE = re.compile(r"[A-Za-z][A-Za-z-]*( [A-Za-z-]+,?)*")
NEVER = {"url", "urls", "headers", "body", "data", "secret", "secrets", "token", "password", "credentials"}


def _calls() -> Iterator[tuple[Path, ast.Call]]:
    for root in SOURCE_ROOTS:
        for path in sorted((ROOT / root).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
                    logger = ast.unparse(node.func.value)
                    if logger in {"log", "_log", "self._log"}:
                        yield path, node


CALLS = [pytest.param(call, id=f"{path.relative_to(ROOT)}:{call.lineno}") for path, call in _calls()]


def _names(event: ast.expr) -> list[str]:
    if isinstance(event, ast.IfExp):
        return [*_names(event.body), *_names(event.orelse)]
    assert isinstance(event, ast.Constant), "an event is named by a constant"
    return [str(event.value)]


@pytest.mark.parametrize("call", CALLS)
def test_a_line_is_named_by_a_constant_and_its_values_are_fields(call: ast.Call) -> None:
    (event,) = call.args
    for name in _names(event):
        assert SNAKE_CASE.fullmatch(name) or SENTENCE.fullmatch(name), name
    fields = [one.arg for one in call.keywords if one.arg is not None]
    assert all(SNAKE_CASE.fullmatch(field) for field in fields)
    assert not NEVER & set(fields)


def test_there_are_lines_to_look_at() -> None:
    assert len(CALLS) > 50
