"""What a Subscription costs among 5,000 on as many endpoints, with one event a second in turn to each.

Five namespaces of 1,000, since a stream with more consumers than that is slow on its own account. The cost of one is
what the dispatcher uses with all of them, less what it used with none, divided by their number.
"""

from __future__ import annotations

from bench.events import publish_evenly
from bench.installation import Lane
from bench.machine import cpu_seconds, resident_mebibytes
from bench.measures import milliseconds, percentile
from bench.results import Result
from bench.rig import rig
from jethook_contract.target import Limits

SUBSCRIPTIONS = 5000
NAMESPACES = 5
_QUICK_SUBSCRIPTIONS = 500
_START_SECONDS = 120.0
_GRACE_SECONDS = 20.0
_BOUND = "every event arrives (no bound on the cost)"


async def measure(*, quick: bool) -> Result:
    """Run the scenario; about a minute and a half."""
    count, seconds = (_QUICK_SUBSCRIPTIONS, 5.0) if quick else (SUBSCRIPTIONS, 40.0)
    namespaces = [f"bench-{number}" for number in range(NAMESPACES)]
    async with rig(namespaces=namespaces) as made:
        empty = resident_mebibytes(made.dispatcher)
        lanes = [
            Lane(namespace=namespaces[n % NAMESPACES], name=f"e{n}", url=made.receiver.url, limits=Limits())
            for n in range(count)
        ]
        await made.installation.lay(lanes)
        await made.warm(lanes, seconds=_START_SECONDS)
        before = cpu_seconds(made.dispatcher)
        subjects = [lane.subject for lane in lanes]
        published = await publish_evenly(made.installation.jetstream, subjects, per_second=1, seconds=seconds)
        spent = cpu_seconds(made.dispatcher) - before
        await made.receiver.wait_for(published.count, seconds=_GRACE_SECONDS)
        found = await made.receiver.latencies("all")
        memory, nats_memory = resident_mebibytes(made.dispatcher), resident_mebibytes(made.nats_pid)
    figures: dict[str, object] = {
        "subscriptions": count,
        "rss_mb": round(memory, 1),
        "kb_a_subscription": round((memory - empty) * 1024 / count, 1),
        "cpu_percent": round(spent / seconds * 100, 2),
        "cpu_microseconds_a_second_a_subscription": round(spent / seconds / count * 1e6, 1),
        "events": published.count,
        "p50_ms": milliseconds(percentile(found, 50)),
        "max_ms": milliseconds(max(found)),
        "nats_rss_mb": round(nats_memory, 1),
    }
    return Result(ok=len(found) == published.count, bound=_BOUND, figures=figures)
