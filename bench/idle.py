"""What a dispatcher costs that has 1,000 Subscriptions on 1,000 endpoints and nothing to do.

Each has delivered one event before, so that all are known to work and to have their connections and buffers. Nothing
to do means that also the status of all of them is written; the pool's write budget spreads that over a minute or two.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from bench.installation import Lane
from bench.machine import cpu_seconds, resident_mebibytes
from bench.results import Result
from bench.rig import Rig, rig
from jethook_contract import names
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, disconnect
from jethook_contract.target import Limits

SUBSCRIPTIONS = 1000
MOST_MEBIBYTES = 150
MOST_CPU_PERCENT = 3.0
_STILL_SECONDS = 10.0
_MOST_SETTLE_SECONDS = 180.0
_MINUTE_SECONDS = 60.0
"""Each Subscription is looked at once a minute: less would leave some of the cost out."""
_BOUND = f"RSS < {MOST_MEBIBYTES} MB and CPU < {MOST_CPU_PERCENT:.0f} % of a core, with {SUBSCRIPTIONS} subscriptions"


async def measure(*, quick: bool) -> Result:
    """Run the scenario; about three minutes."""
    async with rig() as made:
        empty = resident_mebibytes(made.dispatcher)
        lanes = [
            Lane(namespace="bench", name=f"e{n}", url=made.receiver.url, limits=Limits()) for n in range(SUBSCRIPTIONS)
        ]
        await made.installation.lay(lanes)
        await made.warm(lanes)
        settled = await _settle(made.installation.jetstream, still=2.0 if quick else _STILL_SECONDS, quick=quick)
        figures = await _watch(made, seconds=5.0 if quick else _MINUTE_SECONDS)
    figures |= {
        "subscriptions": SUBSCRIPTIONS,
        "settled_after_seconds": round(settled, 1),
        "rss_without_subscriptions_mb": round(empty, 1),
    }
    memory, percent = figures["rss_mb"], figures["cpu_percent"]
    return Result(ok=memory < MOST_MEBIBYTES and percent < MOST_CPU_PERCENT, bound=_BOUND, figures={**figures})


async def _settle(jetstream: JetStreamContext, *, still: float, quick: bool) -> float:
    """Wait until no status was written for `still` seconds, a while at most; gives how long it took."""
    began = changed = time.monotonic()
    last = -1
    most = began + (still if quick else _MOST_SETTLE_SECONDS)
    while (now := time.monotonic()) < most and now - changed < still:
        state = (await jetstream.stream_info(f"KV_{names.status_bucket(names.DEFAULT_POOL)}")).state
        last, changed = (last, changed) if state.last_seq == last else (state.last_seq, now)
        await asyncio.sleep(1.0)
    return time.monotonic() - began


async def _watch(made: Rig, *, seconds: float) -> dict[str, float]:
    """Measure for a while."""
    async with _requests(made) as requests:
        before, nats_before = cpu_seconds(made.dispatcher), cpu_seconds(made.nats_pid)
        await asyncio.sleep(seconds)
        spent, nats_spent = cpu_seconds(made.dispatcher) - before, cpu_seconds(made.nats_pid) - nats_before
    pulls = requests["CONSUMER.MSG"]
    return {
        "rss_mb": round(resident_mebibytes(made.dispatcher), 1),
        "cpu_percent": round(spent / seconds * 100, 2),
        "seconds": seconds,
        "pulls_a_second": round(pulls / seconds, 1),
        "other_requests_a_second": round((requests.total() - pulls) / seconds, 1),
        "nats_rss_mb": round(resident_mebibytes(made.nats_pid), 1),
        "nats_cpu_percent": round(nats_spent / seconds * 100, 2),
    }


@asynccontextmanager
async def _requests(made: Rig) -> AsyncIterator[Counter[str]]:
    """Count the requests to JetStream by kind while the block runs."""
    found: Counter[str] = Counter()

    async def hear(message: Msg) -> None:
        found[".".join(message.subject.split(".")[2:4])] += 1

    client = await connect(ConnectionSettings(servers=(made.url,), name="bench-idle"), hooks=ConnectionHooks())
    try:
        await client.subscribe("$JS.API.>", cb=hear)
        yield found
    finally:
        await disconnect(client)
