"""When what waits for a Subscription is asked for again, as a table."""

from dataclasses import replace

import pytest

from jethook_dispatcher.core.backlog_looks import MAX_AGE_SECONDS, Look, aged, follows, moved, outdated

EMPTY = Look(at=100.0, heard=7, last_sequence=50, empty=True)
WAITS = replace(EMPTY, empty=False)


@pytest.mark.parametrize(
    ("look", "heard", "pulls", "expected"),
    [
        (EMPTY, 7, True, False),
        (EMPTY, 7, False, None),
        (EMPTY, 8, True, True),
        (EMPTY, 8, False, True),
        (WAITS, 7, True, True),
        (WAITS, 7, False, True),
    ],
    ids=["pulls", "pulls-not", "heard", "heard-without-request", "waits", "waits-without-request"],
)
def test_an_open_request_says_by_its_silence_that_nothing_waits(
    look: Look,
    heard: int,
    pulls: bool,  # noqa: FBT001 -- a table
    expected: bool | None,  # noqa: FBT001 -- a table
) -> None:
    assert outdated(look, heard=heard, pulls=pulls) is expected


@pytest.mark.parametrize(
    ("look", "last_sequence", "expected"),
    [
        (replace(EMPTY, settled=True), 50, False),
        (replace(EMPTY, settled=True), 51, True),
        (replace(EMPTY, settled=True), 3, True),
        (EMPTY, 50, True),
        (EMPTY, None, False),
        (replace(EMPTY, settled=True), None, False),
    ],
    ids=["settled", "published", "stream-made-anew", "first-empty-look", "unreadable", "unreadable-settled"],
)
def test_without_a_request_a_stream_that_stands_still_brings_nothing(
    look: Look,
    last_sequence: int | None,
    expected: bool,  # noqa: FBT001 -- a table
) -> None:
    assert moved(look, last_sequence=last_sequence) is expected


@pytest.mark.parametrize(
    ("before", "look", "expected"),
    [
        (EMPTY, EMPTY, True),
        (None, EMPTY, False),
        (WAITS, EMPTY, False),
        (EMPTY, WAITS, False),
        (EMPTY, replace(EMPTY, last_sequence=51), False),
    ],
    ids=["twice-empty", "first", "waited-before", "waits-now", "published-between"],
)
def test_one_empty_look_after_a_publish_proves_nothing(
    before: Look | None,
    look: Look,
    expected: bool,  # noqa: FBT001 -- a table
) -> None:
    assert follows(look, before=before) is expected


@pytest.mark.parametrize(("after_seconds", "expected"), [(0, False), (50, False), (54.9, False), (55.1, True)])
def test_no_look_grows_older_than_its_age_until_the_next_round(
    after_seconds: float,
    expected: bool,  # noqa: FBT001 -- a table
) -> None:
    assert MAX_AGE_SECONDS == 60
    assert aged(EMPTY, now=EMPTY.at + after_seconds, poll_seconds=5.0) is expected
