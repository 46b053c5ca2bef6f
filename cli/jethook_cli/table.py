"""Tables as kubectl prints them: one row an object, columns by JSON path, ages for times."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from jethook_operator.api.columns import Column

_GAP = "   "
_STEP = re.compile(r"\.([A-Za-z0-9]+)|\[\?\(@\.(\w+)\s*==\s*[\"'](\w+)[\"']\)\]")
_STYLES = {
    **dict.fromkeys(("False", "Failing", "Disabled", "CircuitOpen", "KeyBlocked"), "red"),
    **dict.fromkeys(("RetryBacklogFull", "DeadLettersFull"), "red"),
    **dict.fromkeys(("Suspended", "Pending", "Degraded", "Throttled", "NearlyFull"), "yellow"),
    "Healthy": "green",
}
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def rows(
    objects: Iterable[dict[str, Any]], columns: Sequence[Column], *, namespaces: str, now: datetime
) -> list[list[str]]:
    """Make the cells of a table, the header first; `namespaces` is "shown" or "hidden"."""
    lead = ["NAMESPACE"] if namespaces == "shown" else []
    table = [[*lead, "NAME", *(column.name.upper() for column in columns)]]
    for obj in objects:
        meta = obj["metadata"]
        first = [meta.get("namespace", "")] if lead else []
        table.append([*first, meta["name"], *(cell(obj, column, now=now) for column in columns)])
    return table


def layout(table: Sequence[Sequence[str]]) -> str:
    """Align the cells of a table in columns three spaces apart."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = (_GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in table)
    return "\n".join(lines)


def show(table: Sequence[Sequence[str]]) -> None:
    """Print a table: plain, or with colours where a person looks at it (rich honours NO_COLOR)."""
    if not sys.stdout.isatty():
        print(layout(table))
        return
    from rich.console import Console  # 0.1 s that pipes do without
    from rich.table import Table
    from rich.text import Text

    coloured = Table(*table[0], box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="")
    for row in table[1:]:
        coloured.add_row(*(Text(text, style=_STYLES.get(text, "")) for text in row))
    Console(soft_wrap=True).print(coloured)


def cell(obj: dict[str, Any], column: Column, *, now: datetime) -> str:
    """Give one cell; `-` where there is nothing to know."""
    value = find(obj, column.json_path)
    if value is None or value == "":
        return "-"
    if column.type == "date":
        return age(str(value), now=now)
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def find(obj: Any, path: str) -> Any:
    """Follow a printer column's JSON path: `.a.b` and `[?(@.type=="Ready")]`; None where it leads nowhere."""
    for name, key, wanted in _STEP.findall(path):
        if name:
            obj = obj.get(name) if isinstance(obj, dict) else None
        else:
            obj = next((item for item in obj or () if item.get(key) == wanted), None)
    return obj


def age(time: str, *, now: datetime) -> str:
    """Say how long ago an RFC 3339 time was, as kubectl does: the largest unit, two of them where it is small."""
    try:
        then = datetime.fromisoformat(time)
    except ValueError:
        return "<invalid>"
    seconds = max(0, int((now - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds()))
    for size, unit in _UNITS:
        if seconds >= 2 * size or size == 1:
            rest = seconds % size
            lower = next(((s, u) for s, u in _UNITS if s < size), None)
            if lower and seconds < 10 * size and rest >= lower[0]:
                return f"{seconds // size}{unit}{rest // lower[0]}{lower[1]}"
            return f"{seconds // size}{unit}"
    return "0s"
