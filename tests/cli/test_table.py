"""Tables read as kubectl's do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jethook_cli import table

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OBJECT = {
    "metadata": {"name": "crm"},
    "status": {"delivery": {"backlog": 0}, "conditions": [{"type": "Ready", "status": "True"}, {"type": "X"}]},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".metadata.name", "crm"),
        (".status.delivery.backlog", 0),
        ('.status.conditions[?(@.type=="Ready")].status', "True"),
        ('.status.conditions[?(@.type=="Delivering")].status', None),
        (".status.delivery.lastError.reason", None),
        (".spec.url", None),
    ],
)
def test_a_json_path_finds_what_a_printer_column_would(path: str, value: object) -> None:
    assert table.find(OBJECT, path) == value


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (4, "4s"), (119, "119s"), (150, "2m30s"), (1260, "21m"), (7230, "2h"), (7500, "2h5m"), (777600, "9d")],
)
def test_an_age_is_written_as_kubectl_writes_it(seconds: int, text: str) -> None:
    assert table.age((NOW - timedelta(seconds=seconds)).isoformat(), now=NOW) == text


def test_cells_are_aligned_and_nothing_trails() -> None:
    assert table.layout([["NAME", "STATE"], ["a-long-name", "-"], ["b", "Healthy"]]).splitlines() == [
        "NAME          STATE",
        "a-long-name   -",
        "b             Healthy",
    ]
