"""What a dispatcher costs that has 1,000 Subscriptions on 1,000 endpoints and nothing to do.

Each has delivered one event before, so that all are known to work and to have their connections and buffers.
"""

from __future__ import annotations

import asyncio

from bench.installation import Lane
from bench.machine import cpu_seconds, resident_mebibytes
from bench.results import Result
from bench.rig import rig
from jethook_contract.target import Limits

SUBSCRIPTIONS = 1000
MOST_MEBIBYTES = 150
MOST_CPU_PERCENT = 3.0
_BOUND = f"RSS < {MOST_MEBIBYTES} MB and CPU < {MOST_CPU_PERCENT:.0f} % of a core, with {SUBSCRIPTIONS} subscriptions"


async def measure(*, quick: bool) -> Result:
    """Run the scenario; about a minute."""
    settle, seconds = (2.0, 5.0) if quick else (15.0, 30.0)
    async with rig() as made:
        empty = resident_mebibytes(made.dispatcher)
        lanes = [
            Lane(namespace="bench", name=f"e{n}", url=made.receiver.url, limits=Limits()) for n in range(SUBSCRIPTIONS)
        ]
        await made.installation.lay(lanes)
        await made.warm(lanes)
        await asyncio.sleep(settle)
        before, nats_before = cpu_seconds(made.dispatcher), cpu_seconds(made.nats_pid)
        await asyncio.sleep(seconds)
        percent = (cpu_seconds(made.dispatcher) - before) / seconds * 100
        nats_percent = (cpu_seconds(made.nats_pid) - nats_before) / seconds * 100
        memory = resident_mebibytes(made.dispatcher)
        nats_memory = resident_mebibytes(made.nats_pid)
    figures: dict[str, object] = {
        "subscriptions": SUBSCRIPTIONS,
        "rss_mb": round(memory, 1),
        "rss_without_subscriptions_mb": round(empty, 1),
        "cpu_percent": round(percent, 2),
        "seconds": seconds,
        "nats_rss_mb": round(nats_memory, 1),
        "nats_cpu_percent": round(nats_percent, 2),
    }
    return Result(ok=memory < MOST_MEBIBYTES and percent < MOST_CPU_PERCENT, bound=_BOUND, figures=figures)
