"""What becomes of an endpoint that is down for a minute, and of those beside it.

200 events/s go to one endpoint that refuses connections for 60 s and then listens again, and 200/s to nine others that
are well. The one has `requestsPerSecond` 400 and `burst` 40, so it can drain twice as fast as it fills. Four figures:
whether its limit was kept at every moment, what the others noticed, how long the backlog took, how many attempts the
outage cost. The circuit opens for 2 to 4 s at a time here, so that the drain is what is measured and not the pause.
One run after the other differs by more than the bound, so each outage is compared with the minute before it, and the
median of three outages counts.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass

from bench.events import publish_evenly
from bench.installation import Lane
from bench.measures import excess, milliseconds, percentile
from bench.processes import Receiver, receiving
from bench.results import Result
from bench.rig import Rig, rig
from hack.ports import free_port
from jethook_contract import names
from jethook_contract.attempt import AttemptBatch
from jethook_contract.plan import RetryPolicy
from jethook_contract.target import BreakerPolicy, Limits

PER_SECOND = 200
OTHERS = 9
REQUESTS_PER_SECOND = 400
BURST = 40
MOST_RATIO = 1.2
JITTER_SECONDS = 0.02
BEHIND_SECONDS = 1.0  # an event that arrives later than this after its publication was part of the backlog
_LIMITS = Limits(requests_per_second=REQUESTS_PER_SECOND, burst=BURST, max_in_flight=50)
_RETRY = RetryPolicy(max_attempts=50, initial_delay_seconds=1, factor=2, max_delay_seconds=4)
_BREAKER = BreakerPolicy(open_seconds=2, max_open_seconds=4, slow_start_seconds=5)
_SLICE_SECONDS = 2.0
_MOST_DRAIN_SECONDS = 150.0
_FLUSHED_SECONDS = 3.0  # the log is written each second
_BOUND = (
    f"its limit kept ({REQUESTS_PER_SECOND}/s, burst {BURST}, {JITTER_SECONDS * 1000:.0f} ms of jitter allowed), p99 of"
    f" the others while it is down and while it drains <= {MOST_RATIO} x before (median of the outages), everything"
    " arrives"
)


async def measure(*, quick: bool) -> Result:
    """Run the scenario; about eight minutes."""
    rounds, before, down = (1, 3.0, 4.0) if quick else (3, 20.0, 60.0)
    port = free_port()
    async with rig() as made:
        one, others = _lanes(made, port=port)
        await made.installation.lay([one, *others])
        await made.warm(others)
        found = [await _round(made, [one, *others], port=port, before=before, down=down) for _ in range(rounds)]
        failed = await _failed_attempts(made, lane=one)
    return _result(found, failed=failed / rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One outage: p99 of the others in each phase, and what came to the endpoint after it."""

    p99: dict[str, float]
    arrivals: list[float]
    backlog: int
    seconds_to_drain: float

    @property
    def ratio(self) -> float:
        """Compare the worse of the two phases with the one before, of the same minutes."""
        return max(self.p99["down"], self.p99["drain"]) / self.p99["before"]


async def _round(made: Rig, lanes: list[Lane], *, port: int, before: float, down: float) -> _Round:
    async with receiving(made.log, port=port) as receiver:
        await made.installation.fill([lanes[0]], count=1)
        await receiver.wait_for(1, seconds=30)
        sent, quiet = await _phase(made, lanes, seconds=before)
        await receiver.wait_for(sent + 1, seconds=30)
    waiting, meanwhile = await _phase(made, lanes, seconds=down)
    async with receiving(made.log, port=port) as receiver:
        up = time.monotonic()
        _, draining = await _drain(made, lanes, receiver=receiver, waiting=waiting)
        arrivals, ages = await receiver.arrivals("one"), await receiver.latencies("one")
    behind = [at for at, age in zip(arrivals, ages, strict=True) if age > BEHIND_SECONDS]
    phases = {"before": quiet, "down": meanwhile, "drain": draining}
    return _Round(
        p99={name: percentile(found, 99) for name, found in phases.items()},
        arrivals=arrivals,
        backlog=waiting,
        seconds_to_drain=max(behind, default=up) - up,
    )


def _lanes(made: Rig, *, port: int) -> tuple[Lane, list[Lane]]:
    url = f"http://127.0.0.1:{port}/hook/one"
    one = Lane(namespace="bench", name="one", url=url, limits=_LIMITS, retry=_RETRY, breaker=_BREAKER)
    return one, [Lane(namespace="bench", name=f"e{n}", url=made.receiver.hook("others")) for n in range(OTHERS)]


async def _phase(made: Rig, lanes: list[Lane], *, seconds: float) -> tuple[int, list[float]]:
    """Publish to the first lane as much as to all others; give how many it got, and the latencies of the others."""
    subjects = [subject for lane in lanes[1:] for subject in (lanes[0].subject, lane.subject)]
    jetstream = made.installation.jetstream
    published = await publish_evenly(jetstream, subjects, per_second=2 * PER_SECOND, seconds=seconds)
    await made.receiver.wait_for(published.count // 2, seconds=30)
    found = await made.receiver.latencies("others")
    await made.receiver.counts("reset")
    return published.count - published.count // 2, found


async def _drain(made: Rig, lanes: list[Lane], *, receiver: Receiver, waiting: int) -> tuple[int, list[float]]:
    """Go on publishing until the backlog of the first lane has gone; give how many it got in all, and the others'."""
    deadline = time.monotonic() + _MOST_DRAIN_SECONDS
    sent, others = waiting, list[float]()
    while time.monotonic() < deadline:
        more, found = await _phase(made, lanes, seconds=_SLICE_SECONDS)
        sent += more
        others += found
        if (await receiver.counts())["count"] >= sent - PER_SECOND * BEHIND_SECONDS:
            break
    await receiver.wait_for(sent, seconds=30)
    return sent, others


async def _failed_attempts(made: Rig, *, lane: Lane) -> int:
    """Count the failed attempts of a lane in the attempts log, which holds all of the run."""
    stream = made.installation.jetstream
    await asyncio.sleep(_FLUSHED_SECONDS)
    last = (await stream.stream_info(names.ATTEMPTS_STREAM)).state.last_seq
    failed = 0
    for sequence in range(1, last + 1):
        batch = AttemptBatch.decode((await stream.get_msg(names.ATTEMPTS_STREAM, seq=sequence)).data or b"")
        failed += sum(one.endpoint == lane.name and one.result != "Delivered" for one in batch.attempts)
    return failed


def _result(rounds: list[_Round], *, failed: float) -> Result:
    over = max(excess(one.arrivals, per_second=REQUESTS_PER_SECOND, burst=BURST) for one in rounds)
    kept = over <= REQUESTS_PER_SECOND * JITTER_SECONDS
    ratio = statistics.median(one.ratio for one in rounds)
    figures: dict[str, object] = {
        "backlog": round(statistics.median(one.backlog for one in rounds)),
        "seconds_to_drain": round(statistics.median(one.seconds_to_drain for one in rounds), 1),
        "attempts_while_down": round(failed),
        "limit_kept": kept,
        "requests_over_limit": round(over, 1),
        "others_ratio": round(ratio, 2),
        "rounds_others_ratio": [round(one.ratio, 2) for one in rounds],
        **{f"others_p99_{name}_ms": [milliseconds(one.p99[name]) for one in rounds] for name in rounds[0].p99},
    }
    return Result(ok=kept and ratio <= MOST_RATIO, bound=_BOUND, figures=figures)
