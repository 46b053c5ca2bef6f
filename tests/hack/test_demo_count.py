"""The demo counts what receivers and the dead-letter stream hold, in distinct pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hack.demo_count import Tally, read_records

A, B, C = ("e1", "ns/s"), ("e2", "ns/s"), ("e3", "ns/s")


def _tally(delivered: set[tuple[str, str]], dead: set[tuple[str, str]], *, unverified: int = 0) -> Tally:
    return Tally(
        published=3,
        expected=frozenset({A, B}),
        delivered=frozenset(delivered),
        dead_lettered=frozenset(dead),
        unverified=unverified,
    )


@pytest.mark.parametrize(
    ("tally", "lost", "sound"),
    [
        pytest.param(_tally({A}, {B}), 0, True, id="each pair has an end"),
        pytest.param(_tally({A, B}, {B}), 0, True, id="delivered and dead-lettered is no loss"),
        pytest.param(_tally({A}, set()), 1, False, id="one is missing"),
        pytest.param(_tally({A, B, C}, set()), 0, False, id="one came that nobody published"),
        pytest.param(_tally({A, B}, set(), unverified=1), 0, False, id="a signature did not fit"),
    ],
)
def test_a_run_is_sound_only_when_nothing_is_lost_or_forged(tally: Tally, lost: int, *, sound: bool) -> None:
    assert (tally.lost, tally.sound) == (lost, sound)


def test_a_retried_delivery_counts_once(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    lines = [{"event_id": "e1", "subscription": "ns/s", "verified": True, "status": s} for s in (503, 503, 200, 200)]
    file.write_text("\n".join(json.dumps(line) for line in lines))
    record = read_records([file])
    assert record.delivered == {A}
    assert record.unverified == 0
