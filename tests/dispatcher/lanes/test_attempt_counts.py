"""Attempt counts survive the bucket, belong to one stream, and never give an event less than its attempts."""

import zlib
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.errors import Invalid
from jethook_dispatcher.core.attempt_counts import MAX_ENTRIES, AttemptCounts, decode_counts

CREATED = "2026-11-24T10:00:00+00:00"
ENDS = ("attempt", "given back", "process ended")
RECORD_WITHOUT_EXCUSED = b64decode(
    "SjF4nKtWKi4pSk3MdQYSJakpSlYKSkYGRma6hoa6RiYhhgZWBiCkDSaVdBSU8vLzklNBqvKUarnYmZcy8QAAZnsQjw=="
)


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


@given(st.lists(st.sampled_from(ENDS), max_size=40))
def test_only_ends_of_the_process_stay_unexplained(ends: list[str]) -> None:
    counts = AttemptCounts(CREATED)
    for end in ends:
        if end == "attempt":
            counts.failed(7, attempts=counts.of(7) + 1)
        if end == "given back":
            counts.excuse(7)
        counts = decode_counts(counts.encode(nonce="n"), stream_created=CREATED)
    assert counts.unexplained(7, deliveries=len(ends) + 1) == ends.count("process ended")


@given(st.lists(st.sampled_from(ENDS), max_size=10), st.lists(st.sampled_from(ENDS), max_size=10))
def test_an_event_that_went_through_an_attempt_starts_anew(before: list[str], after: list[str]) -> None:
    counts, ends = AttemptCounts(CREATED), [*before, "attempt", *after]
    for deliveries, end in enumerate(ends, 1):
        if end == "attempt":
            counts.failed(7, attempts=counts.of(7) + 1)
        if end == "given back":
            counts.excuse(7)
        if deliveries == len(before) + 1:
            counts.clear(7, deliveries=deliveries)
    assert counts.unexplained(7, deliveries=len(ends) + 1) == after.count("process ended")


def test_what_is_excused_is_forgotten_and_pruned_with_its_event() -> None:
    counts = AttemptCounts(CREATED, attempts=[(5, 1)], excused=[(5, 2), (6, 2), (7, 2)])
    counts.prune(5)
    counts.forget(6)
    assert counts.changed
    assert [counts.unexplained(sequence, deliveries=3) for sequence in (5, 6, 7)] == [2, 2, 0]


def test_above_the_bound_nothing_more_is_excused() -> None:
    counts = AttemptCounts(CREATED, excused=((sequence, 1) for sequence in range(MAX_ENTRIES)))
    counts.excuse(MAX_ENTRIES + 1)
    counts.excuse(3)
    assert counts.unexplained(MAX_ENTRIES + 1, deliveries=2) == 1
    assert counts.unexplained(3, deliveries=3) == 0


def test_a_full_record_with_all_of_it_excused_stays_below_the_message_bound() -> None:
    full = {sequence * 3: sequence % 12 + 1 for sequence in range(MAX_ENTRIES)}
    counts = AttemptCounts(CREATED, attempts=full.items(), excused=full.items())
    encoded = counts.encode(nonce="n")
    assert len(encoded) < 512 * 1024
    assert decode_counts(encoded, stream_created=CREATED).unexplained(3, deliveries=1 + 2 * full[3]) == 0


def test_a_record_of_a_version_that_excused_nothing_is_read() -> None:
    counts = decode_counts(RECORD_WITHOUT_EXCUSED, stream_created=CREATED)
    assert (counts.of(7), counts.of(300)) == (3, 12)
    assert counts.unexplained(300, deliveries=13) == 0


@pytest.mark.parametrize("excused", ['"%"', '"gQ=="', '"Bw=="', "5", "[]", "null"])
def test_what_cannot_be_read_of_the_excused_refuses_the_record(excused: str) -> None:
    head = f'{{"streamCreated": "{CREATED}", "nonce": "n", "excused": {excused}}}\n'
    with pytest.raises(Invalid, match="BadAttemptCounts"):
        decode_counts(b"J1" + zlib.compress(head.encode()), stream_created=CREATED)
