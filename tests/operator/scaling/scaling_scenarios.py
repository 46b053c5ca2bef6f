"""The load curves that the simulation plays, and the table of what came out, as `docs/scaling.md` shows it.

`python -m tests.operator.scaling.scaling_scenarios` writes the table anew.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from jethook_operator.core.scaling import ScalingPolicy
from jethook_operator.core.scaling_words import reasons_table
from tests.operator.scaling.scaling_simulation import (
    EVENTS_PER_SECOND,
    Curve,
    Receiver,
    Run,
    Simulation,
    many,
    with_one,
)
from tests.repository.files import ROOT

PAGE = ROOT / "docs" / "scaling.md"
POLICY = ScalingPolicy(min_replicas=1, max_replicas=10)
TO_ZERO = ScalingPolicy(min_replicas=0, max_replicas=10)
CHANGE_AT = 300
SPIKE_SECONDS = 60
HOUR = 3600


@dataclass(frozen=True)
class Scenario:
    """One curve: `told` says in a few words what it is."""

    told: str
    curve: Curve
    receivers: Callable[[], list[Receiver]] = many
    policy: ScalingPolicy = POLICY
    replicas: int = 1
    seconds: int = HOUR


def _step(second: int) -> float:
    return 0.3 if second < CHANGE_AT else 2.5


def _down(second: int) -> float:
    return 2.5 if second < CHANGE_AT else 0.3


def _ramp(second: int) -> float:
    return 0.3 + 3.7 * min(1.0, second / 1800)


def _sine(second: int) -> float:
    return 1.5 + 1.2 * math.sin(2 * math.pi * second / 900)


def _spike(second: int) -> float:
    return 5.0 if CHANGE_AT <= second < CHANGE_AT + SPIKE_SECONDS else 0.3


def _noise(second: int) -> float:
    return max(0.0, random.Random(second // 10).gauss(1.2, 0.5))  # noqa: S311 -- a simulation


def _sparse(second: int) -> float:
    return 1 / EVENTS_PER_SECOND if second % 60 == 0 else 0.0


def _bursts(second: int) -> float:
    return 0.2 if second % 1200 < SPIKE_SECONDS else 0.0


BACKLOG = 500_000.0
SCENARIOS: Mapping[str, Scenario] = {
    "steady": Scenario("1.1 dispatchers' work, steady", lambda _: 1.1),
    "step": Scenario("from 0.3 to 2.5 dispatchers' work at once", _step),
    "down": Scenario("from 2.5 to 0.3 at once", _down, replicas=5),
    "ramp": Scenario("from 0.3 to 4 within half an hour", _ramp),
    "sine": Scenario("between 0.3 and 2.7, every quarter of an hour", _sine),
    "spike": Scenario("5 for a minute, else 0.3", _spike),
    "noise": Scenario("1.2 on average, another each ten seconds (deviation 0.5)", _noise),
    "dead": Scenario(
        "0.3; half a million events behind a dead endpoint",
        lambda _: 0.3,
        lambda: with_one(Receiver("dead", 0.1, limit=0.0, backlog=BACKLOG), others=0.9),
    ),
    "limited": Scenario(
        "0.3; half a million behind an endpoint with a rate limit of 50",
        lambda _: 0.3,
        lambda: with_one(Receiver("limited", 0.1, limit=50.0, backlog=BACKLOG), others=0.9),
    ),
    "hot": Scenario("3, all for one endpoint", lambda _: 3.0, lambda: [Receiver("hot", 1.0)]),
    "hot-and-others": Scenario(
        "1.2 for one endpoint, 0.3 for twenty others",
        lambda _: 1.5,
        lambda: with_one(Receiver("hot", 0.8), others=0.2),
    ),
    "sparse": Scenario("one event a minute, minReplicas 0", _sparse, lambda: many(1), TO_ZERO, 0),
    "bursts": Scenario("0.2 for a minute, every 20 minutes, minReplicas 0", _bursts, many, TO_ZERO, 0),
}


@cache
def played(name: str) -> Run:
    """Play a scenario."""
    one = SCENARIOS[name]
    return Simulation(one.receivers(), policy=one.policy, replicas=one.replicas).run(one.curve, seconds=one.seconds)


def results_table() -> str:
    """Write what came out as a Markdown table."""
    lines = [
        "| load in dispatchers' work | dispatchers in the hour | changes | of direction |\n",
        "|---|---|---|---|\n",
    ]
    for name, scenario in SCENARIOS.items():
        run = played(name)
        numbers = [run.replicas[0], *(new for _, _, new in run.changes)]
        shown = " ".join(map(str, numbers))
        lines.append(f"| {scenario.told} | {shown} | {len(run.changes)} | {run.turns} |\n")
    return "".join(lines)


PARTS = {"simulation": results_table, "reasons": reasons_table}

if __name__ == "__main__":
    from hack.engine_pages import filled

    PAGE.write_text(filled(PAGE.read_text(), parts=PARTS))
