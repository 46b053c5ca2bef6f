"""How many deliveries a second one dispatcher process makes, beside a bare loop that does the same work.

One endpoint that answers at once, 1 KiB events, signed, `maxInFlight` 100, with nats-server and receiver on the same
machine. The backlog is laid before the clock starts; runs of both alternate; each figure is the median of five. The
dispatcher is one process over all its runs, so that its memory is seen over 100,000 events.
"""

from __future__ import annotations

import statistics

from bench.installation import Lane
from bench.machine import resident_mebibytes
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


async def _product(made: Rig, lane: Lane, *, events: int) -> float:
    await made.installation.write_part(lane, state="Suspended")
    await made.installation.fill([lane], count=events)
    await made.receiver.counts("reset")
    await made.installation.write_part(lane, state="Active")
    return await made.receiver.wait_for(events, seconds=RUN_SECONDS)


async def _reference(made: Rig, lane: Lane, *, events: int) -> float:
    await made.installation.fill([lane], count=events)
    await made.receiver.counts("reset")
    stream, consumer = names.events_stream(lane.namespace), names.subscription_consumer(lane.name)
    arguments = ("-m", "bench.reference", made.url, stream, consumer, lane.url, str(events))
    async with process(*arguments, log=made.log) as loop:
        rate = await made.receiver.wait_for(events, seconds=RUN_SECONDS)
        await loop.wait()
    return rate


def _result(product: list[float], *, reference: list[float], memory: list[float], events: int) -> Result:
    ours, theirs = statistics.median(product), statistics.median(reference)
    ratio = ours / theirs
    figures: dict[str, object] = {
        "deliveries_per_second": round(ours),
        "reference": round(theirs),
        "ratio": round(ratio, 2),
        "runs": [round(rate) for rate in product],
        "reference_runs": [round(rate) for rate in reference],
        "events": events,
        "rss_start_mb": round(memory[0], 1),
        "rss_after_first_run_mb": round(memory[1], 1),
        "rss_end_mb": round(memory[-1], 1),
    }
    fast_enough = theirs < FAST_REFERENCE or ours >= LEAST_PER_SECOND
    return Result(ok=ratio >= LEAST_RATIO and fast_enough, bound=_BOUND, figures=figures)
