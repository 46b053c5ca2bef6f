"""What a second dispatcher process adds on the same load: a backlog for 32 endpoints, delivered by one and by two.

With nats-server and receiver on the same cores there is little left to add where there are only two of them: the line
says how many cores each kind of process used, and how much of the machine was idle.
"""

from __future__ import annotations

import os
import time

from bench.installation import Lane
from bench.results import Result
from bench.rig import Rig, rig
from jethook_contract.target import Limits

ENDPOINTS = 32
RUN_SECONDS = 60.0
_BOUND = "every event arrives (the ratio is bounded by the cores that are left for NATS and receiver)"


async def measure(*, quick: bool) -> Result:
    """Run the scenario; under a minute."""
    runs, events = (1, 8000) if quick else (3, 20_000)
    async with rig() as made:
        lanes = [
            Lane(namespace="bench", name=f"e{n}", url=made.receiver.url, limits=Limits(max_in_flight=10))
            for n in range(ENDPOINTS)
        ]
        await made.installation.lay(lanes)
        await made.warm(lanes)
        one = await _best(made, lanes, runs=runs, events=events)
        await made.start_dispatcher("bench-second")
        await made.warm(lanes)
        two = await _best(made, lanes, runs=runs, events=events)
    rates = [float(str(found["deliveries_per_second"])) for found in (one, two)]
    figures: dict[str, object] = {
        "ratio": round(rates[1] / rates[0], 2),
        "cores": os.cpu_count(),
        "one": one,
        "two": two,
    }
    return Result(ok=True, bound=_BOUND, figures=figures)


async def _best(made: Rig, lanes: list[Lane], *, runs: int, events: int) -> dict[str, object]:
    found = [await _run(made, lanes, events=events) for _ in range(runs)]
    return max(found, key=lambda one: float(str(one["deliveries_per_second"])))


async def _run(made: Rig, lanes: list[Lane], *, events: int) -> dict[str, object]:
    for lane in lanes:
        await made.installation.write_part(lane, state="Suspended")
    await made.installation.fill(lanes, count=events)
    await made.receiver.counts("reset")
    before, start = made.cpu(), time.monotonic()
    for lane in lanes:
        await made.installation.write_part(lane, state="Active")
    rate = await made.receiver.wait_for(events, seconds=RUN_SECONDS)
    passed, after = time.monotonic() - start, made.cpu()
    used = {name: round((after[name] - before[name]) / passed, 2) for name in after}
    idle = max(0.0, (os.cpu_count() or 1) - sum(used.values()))
    return {"deliveries_per_second": round(rate), "cores_used": used, "cores_left": round(idle, 2)}
