"""The scale test itself, at a tiny size: everything runs, and each part has its line."""

from __future__ import annotations

import json

import pytest

from bench import scale

pytestmark = pytest.mark.api

TINY = scale.Size(endpoints=4, subscriptions=12, rest_seconds=1.0, storm_seconds=3.0)
PARTS = ["ready", "many-subscriptions", "rest", "restart", "memory", "storm"]


async def test_all_parts_run_and_each_prints_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    results = await scale.measure(TINY)
    lines = {line["scenario"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert list(lines) == [f"scale-{part}" for part in PARTS]
    assert [line["ok"] for line in lines.values()] == [result.ok for result in results]
    assert lines["scale-ready"]["ok"]
    assert lines["scale-rest"]["api_writes"] == 0
    assert (lines["scale-restart"]["api_writes"], lines["scale-restart"]["jetstream_writes"]) == (0, 0)
    assert lines["scale-storm"]["requests"] > 0
