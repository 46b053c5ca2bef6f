"""How many deliveries a second one dispatcher process makes, beside a bare loop that does the same work.

One endpoint that answers at once, 1 KiB events, signed, `maxInFlight` 100, with nats-server and receiver on the same
machine. The backlog is laid before the clock starts; runs of both alternate; each figure is the median of five. The
dispatcher is one process over all its runs, so that its memory is seen over 100,000 events. The
CPU time of a delivery is firmer than the rate where other processes have a share of the cores.
"""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass

from bench.installation import Lane
from bench.machine import cpu_seconds, resident_mebibytes
from bench.processes import process
from bench.results import Result
from bench.rig import Rig, rig
from jethook_contract import names

RUN_SECONDS = 60.0
LEAST_RATIO = 0.75
LEAST_PER_SECOND = 5000
FAST_REFERENCE = 6500
_BOUND = (
    f"ratio to the reference >= {LEAST_RATIO}; where the reference reaches {FAST_REFERENCE}/s, >= {LEAST_PER_SECOND}/s"
)


async def measure(*, quick: bool) -> Result:
    """Run the scenario; about a minute."""
    runs, events = (1, 8000) if quick else (5, 20_000)
    async with rig() as made:
        lane = Lane(namespace="bench", name="product", url=made.receiver.url)
        bare = Lane(namespace="bench", name="reference", url=made.receiver.url)
        await made.installation.lay([lane, bare], state="Suspended")
        product, reference, memory = [], [], []
        for _ in range(runs):
            reference.append(await _reference(made, bare, events=events))
            memory.append(resident_mebibytes(made.dispatcher))
            product.append(await _product(made, lane, events=events))
        memory.append(resident_mebibytes(made.dispatcher))
    return _result(product, reference=reference, memory=memory, events=runs * events)


@dataclass(frozen=True, slots=True)
class _Run:
    """Deliveries a second, and microseconds of CPU for each."""

    rate: float
    cpu_microseconds: float


async def _product(made: Rig, lane: Lane, *, events: int) -> _Run:
    await made.installation.write_part(lane, state="Suspended")
    await made.installation.fill([lane], count=events)
    await made.receiver.counts("reset")
    before = cpu_seconds(made.dispatcher)
    await made.installation.write_part(lane, state="Active")
    rate = await made.receiver.wait_for(events, seconds=RUN_SECONDS)
    return _Run(rate, (cpu_seconds(made.dispatcher) - before) / events * 1e6)


async def _reference(made: Rig, lane: Lane, *, events: int) -> _Run:
    await made.installation.fill([lane], count=events)
    await made.receiver.counts("reset")
    stream, consumer = names.events_stream(lane.namespace), names.subscription_consumer(lane.name)
    arguments = ("-m", "bench.reference", made.url, stream, consumer, lane.url, str(events))
    async with process(*arguments, log=made.log, stdout=asyncio.subprocess.PIPE) as loop:
        rate = await made.receiver.wait_for(events, seconds=RUN_SECONDS)
        told, _ = await loop.communicate()
    return _Run(rate, float(told) / events * 1e6)


def _result(product: list[_Run], *, reference: list[_Run], memory: list[float], events: int) -> Result:
    ours, theirs = (statistics.median(run.rate for run in runs) for runs in (product, reference))
    ratio = ours / theirs
    figures: dict[str, object] = {
        "deliveries_per_second": round(ours),
        "reference": round(theirs),
        "ratio": round(ratio, 2),
        "cpu_us": round(statistics.median(run.cpu_microseconds for run in product)),
        "reference_cpu_us": round(statistics.median(run.cpu_microseconds for run in reference)),
        "runs": [round(run.rate) for run in product],
        "reference_runs": [round(run.rate) for run in reference],
        "events": events,
        "rss_start_mb": round(memory[0], 1),
        "rss_after_first_run_mb": round(memory[1], 1),
        "rss_end_mb": round(memory[-1], 1),
    }
    fast_enough = theirs < FAST_REFERENCE or ours >= LEAST_PER_SECOND
    return Result(ok=ratio >= LEAST_RATIO and fast_enough, bound=_BOUND, figures=figures)
