"""When it is worth asking again what waits for a Subscription: most of thousands are quiet at any one time."""

from __future__ import annotations

from dataclasses import dataclass

MAX_AGE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at a consumer found.

    `at`: monotonic seconds. `heard`: how much the consumer had sent before the look, as the puller counts.
    `last_sequence`: of the stream, read before the consumer was. `empty`: nothing waited and nothing was in hand.
    `settled`: the look before this one found the same at the same last sequence.
    """

    at: float
    heard: int
    last_sequence: int
    empty: bool
    settled: bool = False


def follows(look: Look, *, before: Look | None) -> bool:
    """Tell whether a look confirms the one before it.

    A consumer counts a message a moment after its stream has it, so that one empty look proves nothing.
    """
    if before is None or not before.empty or not look.empty:
        return False
    return before.last_sequence == look.last_sequence


def outdated(look: Look, *, heard: int, pulls: bool) -> bool | None:
    """Tell whether something may wait that the last look did not find; None when that is the stream's to say.

    While a request is open (`pulls`), the server hands out at once what comes, and that is heard of.
    """
    if not look.empty or heard != look.heard:
        return True
    return False if pulls else None


def moved(look: Look, *, last_sequence: int | None) -> bool:
    """Tell the same of a Subscription that pulls nothing; `last_sequence` is None for a stream that cannot be read."""
    return last_sequence is not None and not (look.settled and look.last_sequence == last_sequence)


def aged(look: Look, *, now: float, poll_seconds: float) -> bool:
    """Tell whether a look would be older than `MAX_AGE_SECONDS` at the next round."""
    return now + poll_seconds - look.at > MAX_AGE_SECONDS
