"""Whose death a record of a trial tells of."""

import pytest

from jethook_dispatcher.core.crash_trial import CONVICTED_AFTER, Step, TrialRecord, deaths_in, verdict
from jethook_dispatcher.core.lane_reply import Handed

STORED = 1_790_000_000_000_000_000


def found(
    *,
    process: str = "dead",
    deliveries: int = 6,
    deaths: int = 0,
    stored: int = STORED,
    ended: bool = False,
    step: Step = "Attempt",
) -> TrialRecord:
    return TrialRecord(
        process=process,
        trial=3,
        stored_nanoseconds=stored,
        deliveries=deliveries,
        deaths=deaths,
        step=step,
        ended=ended,
    )


@pytest.mark.parametrize(
    ("record", "deaths"),
    [
        pytest.param(None, 0, id="never-tried"),
        pytest.param(found(), 1, id="the-process-died-in-the-first-trial"),
        pytest.param(found(deaths=1), 2, id="the-process-died-in-the-second-trial"),
        pytest.param(found(ended=True), 0, id="the-trial-ended"),
        pytest.param(found(deaths=1, ended=True), 1, id="the-trial-of-another-step-ended"),
        pytest.param(found(process="me"), 0, id="this-process-could-not-write-the-end"),
        pytest.param(found(process="me", deaths=1), 1, id="this-process-could-not-write-the-second-end"),
        pytest.param(found(stored=STORED + 1, deaths=1), 0, id="another-event-of-that-sequence"),
        pytest.param(found(deliveries=8, deaths=1), 0, id="the-consumer-was-made-anew"),
        pytest.param(found(deliveries=7), 0, id="the-same-hand-out"),
    ],
)
def test_a_death_is_a_trial_that_another_process_did_not_end(record: TrialRecord | None, deaths: int) -> None:
    assert deaths_in(record, handed=Handed(17, 7, STORED), process="me") == deaths


@pytest.mark.parametrize(("step", "words"), [("Evaluate", "its filter or key"), ("Attempt", "an attempt")])
def test_the_verdict_names_the_step_and_the_hand_outs(step: Step, words: str) -> None:
    text = verdict(found(step=step), handed=Handed(17, 8, STORED))
    assert words in text
    assert "handed out 8 times" in text
    assert f"{CONVICTED_AFTER} times" in text


def test_a_record_comes_back_as_it_was_written() -> None:
    record = found(deaths=1, ended=True)
    assert TrialRecord.decode(record.encode()) == record
