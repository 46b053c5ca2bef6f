"""Find the event that ends the process: who is suspected, who is tried alone, who is given up (design section 6).

JetStream counts how often it handed a message out. What neither an attempt nor a give-back explains is a process that
ended with the message in hand. An event with many of these is a suspect, and each of its dangerous steps is a trial:
a record written before the step and taken away after it. A record that another process finds under way is a death.
One death may be another event's fault, so the next trial is made with nothing else running; a second one convicts.
"""

from __future__ import annotations

from typing import Literal

from jethook_contract.record import Record
from jethook_dispatcher.core.lane_reply import Handed

SUSPECT_AFTER = 5
CONVICTED_AFTER = 2

Step = Literal["Evaluate", "Attempt"]

_WORDS: dict[Step, str] = {
    "Evaluate": "its filter or key was evaluated",
    "Attempt": "an attempt was under way",
}


class TrialRecord(Record):
    """What is left in the bucket of an event's trials.

    `process`: a random name of the process that wrote it, `trial` its own number of the trial. `stored_nanoseconds`
    and `deliveries`: of the hand-out; a message that differs in the first, or has fewer of the second, is another one.
    `deaths`: trials before this one that ended the process. `step`: the one under way, or the last one when
    `ended`.
    """

    version: Literal[1] = 1
    process: str
    trial: int
    stored_nanoseconds: int
    deliveries: int
    deaths: int = 0
    step: Step
    ended: bool = False


def deaths_in(found: TrialRecord | None, *, handed: Handed, process: str) -> int:
    """Count the trials of a message that ended the process, by the record that was found when it came.

    One's own trial that seems to be under way is none: its end could not be written, and this process lives.
    """
    if found is None or found.stored_nanoseconds != handed.stored_nanoseconds or found.deliveries > handed.deliveries:
        return 0
    died = not found.ended and found.process != process and found.deliveries < handed.deliveries
    return found.deaths + died


def verdict(found: TrialRecord, *, handed: Handed) -> str:
    """Say for people why an event is given up."""
    return (
        f"the dispatcher ended while {_WORDS[found.step]}, {CONVICTED_AFTER} times with this event alone;"
        f" it was handed out {handed.deliveries} times"
    )
