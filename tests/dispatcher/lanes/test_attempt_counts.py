"""Attempt counts survive the bucket, belong to one stream, and never give an event less than its attempts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.errors import Invalid
from jethook_dispatcher.core.attempt_counts import MAX_ENTRIES, AttemptCounts, decode_counts

CREATED = "2026-11-24T10:00:00+00:00"


@given(st.dictionaries(st.integers(1, 2**48), st.integers(1, 1000), max_size=200))
def test_what_is_encoded_comes_back(attempts: dict[int, int]) -> None:
    encoded = AttemptCounts(CREATED, attempts=attempts.items()).encode(nonce="n")
    decoded = decode_counts(encoded, stream_created=CREATED)
    assert {sequence: decoded.of(sequence) for sequence in attempts} == attempts
    assert len(decoded) == len(attempts)


def test_counts_of_another_stream_are_ignored() -> None:
    encoded = AttemptCounts(CREATED, attempts=[(7, 3)]).encode(nonce="n")
    assert decode_counts(encoded, stream_created="2026-11-25T10:00:00+00:00").of(7) == 0


def test_events_up_to_the_ack_floor_are_pruned() -> None:
    counts = AttemptCounts(CREATED, attempts=[(5, 1), (6, 2), (7, 3)])
    counts.prune(6)
    assert (counts.of(5), counts.of(6), counts.of(7)) == (0, 0, 3)
    assert counts.changed


def test_above_the_bound_no_new_event_is_counted() -> None:
    counts = AttemptCounts(CREATED, attempts=((sequence, 1) for sequence in range(MAX_ENTRIES)))
    counts.failed(MAX_ENTRIES + 1, attempts=1)
    counts.failed(3, attempts=2)
    assert (len(counts), counts.of(MAX_ENTRIES + 1), counts.of(3)) == (MAX_ENTRIES, 0, 2)


def test_a_full_record_stays_far_below_the_message_bound() -> None:
    counts = AttemptCounts(CREATED, attempts=((sequence * 3, sequence % 12 + 1) for sequence in range(MAX_ENTRIES)))
    assert len(counts.encode(nonce="n")) < 128 * 1024


def test_forgetting_an_unknown_event_changes_nothing() -> None:
    counts = AttemptCounts(CREATED)
    counts.forget(1)
    assert not counts.changed


@pytest.mark.parametrize("cut", [0, 1, 2, 10, -1])
def test_a_damaged_record_is_refused(cut: int) -> None:
    encoded = AttemptCounts(CREATED, attempts=[(7, 3)]).encode(nonce="n")
    with pytest.raises(Invalid, match="BadAttemptCounts"):
        decode_counts(encoded[:cut], stream_created=CREATED)


@given(st.binary(max_size=300))
def test_no_garbage_raises_anything_else(data: bytes) -> None:
    for record in (data, b"J1" + data):
        with pytest.raises(Invalid):
            decode_counts(record, stream_created=CREATED)
