"""Run scenarios and print one line of JSON for each.

The exit code is 0, or 1 when a scenario could not run; with --strict also when a bound was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import traceback
from typing import Protocol

import uvloop

from bench import failover, hotpath, hung, idle, ingest, latency, many, recovery, scale_out, status, throughput
from bench.machine import Moment
from bench.results import Result


class Scenario(Protocol):
    """What a module gives."""

    async def __call__(self, *, quick: bool) -> Result:
        """Run it."""


SCENARIOS: dict[str, Scenario] = {
    "throughput": throughput.measure,
    "latency": latency.measure,
    "hung": hung.measure,
    "idle": idle.measure,
    "many": many.measure,
    "recovery": recovery.measure,
    "scale-out": scale_out.measure,
    "status": status.measure,
    "failover": failover.measure,
    "hotpath": hotpath.measure,
    "ingest": ingest.measure,
}


def main() -> int:
    """Run what was asked for; all scenarios unless told."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--scenario", choices=list(SCENARIOS), action="append", help="may be given more than once")
    parser.add_argument("--quick", action="store_true", help="short runs: they show that it works, not how fast it is")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a bound was missed")
    asked = parser.parse_args()
    results = [_run(name, quick=asked.quick) for name in asked.scenario or SCENARIOS]
    missed = any(result is not None and not result.ok for result in results)
    return 1 if None in results or (asked.strict and missed) else 0


def _run(name: str, *, quick: bool) -> Result | None:
    """Run one, and print its line; None when it could not run."""
    before = Moment.now()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(SCENARIOS[name](quick=quick))
    except Exception as exc:  # noqa: BLE001 -- the others are still to run
        traceback.print_exc()
        print(json.dumps({"scenario": name, "ok": False, "error": f"{type(exc).__name__}: {exc}"[:500]}), flush=True)
        return None
    print(json.dumps(result.line(name, machine=Moment.now().busy_since(before))), flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
