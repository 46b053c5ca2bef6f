"""What the watches of the scenario `status` bring, and how it counts writes."""

from __future__ import annotations

from typing import Any

import pytest

from bench.status import most
from bench.status_cluster import Shown


def event(name: str, *, delivering: str | None, kind: str = "MODIFIED") -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True"}]
    if delivering is not None:
        conditions.append({"type": "Delivering", "status": delivering})
    return {
        "type": kind,
        "object": {"metadata": {"namespace": "bench", "name": name}, "status": {"conditions": conditions}},
    }


def test_an_object_counts_from_the_write_that_first_showed_its_status() -> None:
    shown = Shown()
    for name, delivering in (("a", None), ("a", "True"), ("a", "False"), ("a", "False"), ("b", "True"), ("a", "False")):
        shown.take(event(name, delivering=delivering))
    assert shown.since("False") == [shown.writes[2]]
    assert shown.since("True") == [shown.writes[4]]
    assert len(shown.writes) == 6


@pytest.mark.parametrize("kind", ["DELETED", "ERROR", "ADDED"])
def test_a_watch_that_brings_anything_but_changes_ends_the_run(kind: str) -> None:
    with pytest.raises(RuntimeError, match=kind):
        Shown().take(event("a", delivering="True", kind=kind))


@pytest.mark.parametrize(
    ("times", "found"), [([], 0), ([1.0], 1), ([0.0, 5.0, 10.0], 3), ([0.0, 5.0, 10.1], 2), ([0, 20, 21, 22, 40], 3)]
)
def test_most_in_any_ten_seconds(times: list[float], found: int) -> None:
    assert most(times, seconds=10) == found
