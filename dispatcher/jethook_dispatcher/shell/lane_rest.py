"""Tell whether the Subscriptions of a lane need no tick: most of thousands have nothing to do at any one time."""

from __future__ import annotations

from collections.abc import Iterable

from jethook_dispatcher.shell.lane_source import Source


def all_rest(sources: Iterable[Source], *, granted: bool, now: float) -> bool:
    """Tell whether each of them holds nothing and either is not to pull, or waits for an answer that is not late.

    `granted`: their lane may work. What is yet to be written or loaded keeps one from resting.
    """
    for source in sources:
        if len(source.holding) or source.parked_told.count:
            return False
        if not granted or source.form is None:
            if source.puller.asked:
                return False
        elif source.gathering or not _waits_in_time(source, now=now):
            return False
    return True


def _waits_in_time(source: Source, *, now: float) -> bool:
    if source.counts is None or source.counts.changed:
        return False
    return source.puller.asked > 0 and not source.puller.late(now=now)
