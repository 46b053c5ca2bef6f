"""Count a demo run from the outside: what receivers recorded and what lies in the dead-letter stream.

A pair is (event id, Subscription as namespace/name). Jethook's own counters play no part.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the pairs that were expected; `unverified` counts requests whose signature did not fit."""

    published: int
    expected: frozenset[Pair]
    delivered: frozenset[Pair]
    dead_lettered: frozenset[Pair]
    unverified: int = 0

    @property
    def lost(self) -> int:
        """Count the expected pairs that are neither delivered nor dead-lettered."""
        return len(self.expected - self.delivered - self.dead_lettered)

    @property
    def sound(self) -> bool:
        """Tell whether nothing is lost, nothing came that was not expected, and every signature was right."""
        return not self.lost and not self.unverified and self.delivered | self.dead_lettered <= self.expected

    def line(self) -> str:
        """Give the closing line."""
        verified = len(self.delivered) if not self.unverified else len(self.delivered) - self.unverified
        return (
            f"demo: published={self.published} expected={len(self.expected)} delivered={len(self.delivered)} "
            f"dead_lettered={len(self.dead_lettered)} verified={verified} lost={self.lost}"
        )


@dataclass(slots=True)
class Record:
    """What the receivers wrote down."""

    delivered: set[Pair] = field(default_factory=set)
    verified: set[Pair] = field(default_factory=set)
    unverified: int = 0
    sample: dict[str, str] | None = None


def read_records(files: Iterable[Path]) -> Record:
    """Read the records of all receivers; an accepted pair is one that was answered with 2xx."""
    record = Record()
    for file in files:
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            pair = (entry["event_id"], entry["subscription"])
            record.unverified += not entry["verified"]
            if 200 <= entry["status"] < 300:
                record.delivered.add(pair)
                record.sample = entry
            if entry["verified"]:
                record.verified.add(pair)
    return record
