"""How long an event takes from the publisher's call to the receiver, at a steady pace that nobody slows down.

One endpoint that answers at once, 1 KiB events, signed. The publisher keeps its pace whatever comes (open loop);
`late_p99_ms` says how well it did, and belongs to no latency. Each run is preceded by a warm-up that does not count.
"""

from __future__ import annotations

from bench.events import publish_evenly
from bench.installation import Lane
from bench.measures import milliseconds, percentile
from bench.results import Result
from bench.rig import Rig, rig

BOUNDS_MILLISECONDS = {200: 5.0, 1000: 10.0}
_BOUND = "p99 < 10 ms at 1,000/s and < 5 ms at 200/s"
_WARM_UP_SECONDS = 2.0
_GRACE_SECONDS = 20.0


async def measure(*, quick: bool) -> Result:
    """Run the scenario; under a minute."""
    seconds = 4.0 if quick else 20.0
    async with rig() as made:
        lane = Lane(namespace="bench", name="latency", url=made.receiver.url)
        await made.installation.lay([lane])
        await made.warm([lane])
        figures: dict[str, object] = {}
        kept = [await _run(made, lane, per_second=rate, seconds=seconds, figures=figures) for rate in (200, 1000)]
    return Result(ok=all(kept), bound=_BOUND, figures=figures)


async def _run(made: Rig, lane: Lane, *, per_second: int, seconds: float, figures: dict[str, object]) -> bool:
    jetstream = made.installation.jetstream
    warm = await publish_evenly(jetstream, [lane.subject], per_second=per_second, seconds=_WARM_UP_SECONDS)
    await made.receiver.wait_for(warm.count, seconds=_GRACE_SECONDS)
    await made.receiver.counts("reset")
    published = await publish_evenly(jetstream, [lane.subject], per_second=per_second, seconds=seconds)
    await made.receiver.wait_for(published.count, seconds=_GRACE_SECONDS)
    found = await made.receiver.latencies("all")
    await made.receiver.counts("reset")
    p99 = milliseconds(percentile(found, 99))
    figures[f"at_{per_second}_per_second"] = {
        "p50_ms": milliseconds(percentile(found, 50)),
        "p99_ms": p99,
        "max_ms": milliseconds(max(found)),
        "events": published.count,
        "late_p99_ms": milliseconds(published.late_p99),
    }
    return p99 < BOUNDS_MILLISECONDS[per_second]
