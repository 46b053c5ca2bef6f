"""What each reason of a scaling decision says to people; `docs/scaling.md` lists them, and a test compares the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: `meaning` for the page, `message` with places for the figures of the moment."""

    meaning: str
    message: str


_BUSY = "{members} at work {mean} % of the time on average, the target is {target} %"

REASONS: Mapping[str, Reason] = {
    "BelowMinimum": Reason("fewer ran than minReplicas", "minReplicas is {min}"),
    "AboveMaximum": Reason("more ran than maxReplicas", "maxReplicas is {max}"),
    "LoadUnknown": Reason(
        "NATS does not tell the load, so the number stays",
        "the load is not known (NATS does not answer, or the plan is being read): the number stays",
    ),
    "NoMembers": Reason(
        "no dispatcher has joined the pool yet, so the number stays",
        "no dispatcher is a member of the pool yet: the number stays",
    ),
    "Idle": Reason("nothing waits, for idleSeconds", "nothing waits and nothing was delivered for {idle} s"),
    "EventsWait": Reason("something waits and no dispatcher runs", "events wait: {undelivered}"),
    "UtilizationHigh": Reason("more are needed to come down to the target", _BUSY + ": {wished} are wanted"),
    "UtilizationLow": Reason("fewer come up to the target", _BUSY + ": {replicas} are enough"),
    "BacklogLasts": Reason(
        "what could be delivered now has been too much for half a minute",
        "{lagging} events wait that could be delivered now, more than a minute's work: one dispatcher more",
    ),
    "BacklogInFewShards": Reason(
        "what could be delivered now waits for a few dispatchers: no more, and no fewer",
        "{lagging} events wait that could be delivered now, in {lagging_shards} of the 256 shards: more dispatchers"
        " would not help, each shard has one",
    ),
    "FewBusyEndpoints": Reason(
        "more would find nothing to do: each endpoint is served by one dispatcher",
        _BUSY + ", but more would find nothing to do: busy shards, each served by one dispatcher: {busy}",
    ),
    "Stabilizing": Reason(
        "another number is wanted, but not for long enough",
        _BUSY + ": {wished} are wanted, if that lasts (10 s for more, {window} s for fewer)",
    ),
    "AtMaximum": Reason("more are wanted than maxReplicas", _BUSY + ": {wished} are wanted, maxReplicas is {max}"),
    "AtMinimum": Reason("fewer would do than minReplicas", _BUSY + ": at least {min} run"),
    "LastDispatcher": Reason(
        "the last one goes after idleSeconds without work", _BUSY + ": one runs while there is work"
    ),
    "WithinTolerance": Reason("the number fits", _BUSY + ": the number fits"),
}


def message_of(reason: str, *, figures: Mapping[str, int]) -> str:
    """Write the message of a reason."""
    members = figures["members"]
    words = {**figures, "members": f"{members} dispatcher is" if members == 1 else f"{members} dispatchers are"}
    return REASONS[reason].message.format_map(words)


def reasons_table() -> str:
    """Write the reasons as a Markdown table."""
    rows = (f"| `{name}` | {reason.meaning} |\n" for name, reason in REASONS.items())
    return "| reason | meaning |\n|---|---|\n" + "".join(rows)
