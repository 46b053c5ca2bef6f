"""Whether one endpoint that hangs leaves the others alone: 100 endpoints, 1,000 events/s spread evenly.

One of them takes 30 s for each request (its timeout is longer, so that its places stay taken). Rounds without and with
the hang alternate on one installation; the p99 of the 99 others is taken over all rounds of a kind.
"""

from __future__ import annotations

from bench.events import publish_evenly
from bench.installation import Lane
from bench.measures import milliseconds, percentile
from bench.results import Result
from bench.rig import Rig, rig
from jethook_contract.target import Limits

ENDPOINTS = 100
PER_SECOND = 1000
HANG_SECONDS = 30.0
MOST_RATIO = 1.2
_GRACE_SECONDS = 30.0
_BOUND = f"p99 of the {ENDPOINTS - 1} others <= {MOST_RATIO} x the same run without the hang"


async def measure(*, quick: bool) -> Result:
    """Run the scenario; about two minutes."""
    rounds, seconds = (1, 4.0) if quick else (3, 15.0)
    async with rig() as made:
        lanes = [_lane(made, number) for number in range(ENDPOINTS)]
        await made.installation.lay(lanes)
        await made.warm(lanes)
        await _round(made, lanes, hang=False, seconds=2.0)
        without, with_hang = [], []
        for _ in range(rounds):
            without.append(await _round(made, lanes, hang=False, seconds=seconds))
            with_hang.append(await _round(made, lanes, hang=True, seconds=seconds))
    return _result(without, with_hang=with_hang)


def _lane(made: Rig, number: int) -> Lane:
    url = made.receiver.hang("hung") if number == 0 else made.receiver.hook("others")
    limits = Limits(max_in_flight=20)
    return Lane(namespace="bench", name=f"e{number}", url=url, limits=limits, timeout_seconds=60)


async def _round(made: Rig, lanes: list[Lane], *, hang: bool, seconds: float) -> list[float]:
    await made.receiver.hang_for(HANG_SECONDS if hang else 0)
    subjects = [lane.subject for lane in lanes]
    published = await publish_evenly(made.installation.jetstream, subjects, per_second=PER_SECOND, seconds=seconds)
    # All of the others must have come, whatever hangs; then what hangs is let go and must come too.
    hung = len(range(0, published.count, ENDPOINTS))
    started = min(hung, lanes[0].limits.max_in_flight) if hang else hung
    await made.receiver.wait_for(published.count - hung + started, seconds=_GRACE_SECONDS)
    found = await made.receiver.latencies("others")
    await made.receiver.hang_for(0)
    await made.receiver.wait_for(published.count, seconds=_GRACE_SECONDS)
    await made.receiver.counts("reset")
    return found


def _result(without: list[list[float]], *, with_hang: list[list[float]]) -> Result:
    alone, beside = (percentile([one for found in rounds for one in found], 99) for rounds in (without, with_hang))
    ratio = beside / alone
    figures: dict[str, object] = {
        "ratio": round(ratio, 2),
        "p99_without_ms": milliseconds(alone),
        "p99_with_hang_ms": milliseconds(beside),
        "p50_without_ms": milliseconds(percentile([one for found in without for one in found], 50)),
        "p50_with_hang_ms": milliseconds(percentile([one for found in with_hang for one in found], 50)),
        "rounds_p99_without_ms": [milliseconds(percentile(found, 99)) for found in without],
        "rounds_p99_with_hang_ms": [milliseconds(percentile(found, 99)) for found in with_hang],
        "events_to_the_others": sum(map(len, without)) + sum(map(len, with_hang)),
    }
    return Result(ok=ratio <= MOST_RATIO, bound=_BOUND, figures=figures)
