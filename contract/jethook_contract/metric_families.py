"""Metric families as data: what a process tells over `/metrics`, and the table of it in the docs.

Names follow the conventions of Prometheus: base units, `_total` on counters, one prefix a process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

Values = float | Mapping[tuple[str, ...], float]
Reading = Callable[[], Values]
"""Gives the present value of a family; with labels, a mapping from their values, in the family's order, to numbers."""

OTHER = "_other"
"""The label value under which all is counted that has no series of its own; no Kubernetes name begins like this."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: `name` as it is scraped, `help` in one sentence, `labels` in order."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


def families_table(families: Iterable[Family]) -> str:
    """Write families as a Markdown table."""
    lines = ["| metric | type | labels | what it tells |\n", "|---|---|---|---|\n"]
    for one in families:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        lines.append(f"| `{one.name}` | {one.kind} | {labels + ' ' if labels else ''}| {one.help} |\n")
    return "".join(lines)
