"""Write the values of values.yaml into the chart's README: `python -m hack.chart_readme --write` (or `--check`).

The comment directly above a key describes it. A block of keys is a group and gets no line; a value in flow style
(`{}`, `[]`, a scalar) gets one, with its default as it is written. A key without a comment is an error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hack.chart_files import main

CHART = Path(__file__).parent.parent / "charts" / "jethook"
VALUES = CHART / "values.yaml"
README = CHART / "README.md"

_START, _END = "<!-- values -->\n", "<!-- /values -->\n"
_KEY = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z][A-Za-z0-9]*):(?: (?P<default>.+))?")
_INDENT = 2
_COLUMNS = ("| value | default | what for |", "|---|---|---|")


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its path with dots, its default as YAML (None for a group), and what it is for."""

    path: str
    default: str | None
    description: str


def values(text: str) -> Iterator[Value]:
    """Read values.yaml; raises ValueError for a line that is neither key, comment nor empty, and for a bare key."""
    path: list[str] = []
    comment: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped:
            comment = []
        elif stripped.startswith("#"):
            comment.append(stripped.removeprefix("#").strip())
        elif found := _KEY.fullmatch(line):
            if not comment:
                raise ValueError(f"values.yaml:{number}: {found['name']} has no comment above it")
            path = [*path[: len(found["indent"]) // _INDENT], found["name"]]
            yield Value(".".join(path), found["default"], " ".join(comment))
            comment = []
        else:
            raise ValueError(f"values.yaml:{number}: write lists and free maps in flow style, on one line")


def table(text: str) -> str:
    """Give the values as tables: those that stand alone, then one for each group at the top."""
    found = list(values(text))
    alone = [value for value in found if "." not in value.path and value.default is not None]
    lines = [*_COLUMNS, *(_row(value) for value in alone)]
    for group in found:
        if "." not in group.path and group.default is None:
            lines += ["", f"### `{group.path}`", "", group.description, "", *_COLUMNS]
            inside = (value for value in found if value.path.startswith(f"{group.path}."))
            lines += [_row(value) for value in inside if value.default is not None]
    return "\n".join(lines) + "\n"


def page(text: str, *, table: str) -> str:
    """Give the README with its table made anew; raises ValueError where the markers are missing."""
    before, start, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    if not start or not end:
        raise ValueError(f"{README.name} has no lines {_START.strip()} and {_END.strip()}")
    return before + start + table + end + after


def files() -> Mapping[Path, str]:
    """Give what is generated."""
    return {README: page(README.read_text(), table=table(VALUES.read_text()))}


def _row(value: Value) -> str:
    return f"| `{value.path}` | `{_cell(value.default or '')}` | {_cell(value.description)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(files(), root=CHART, pattern="README.md", description=str(__doc__)))
