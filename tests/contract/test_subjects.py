"""Subjects spell event types one to one, and filters mean what `eventTypes` say."""

from __future__ import annotations

import fnmatch
import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.errors import Invalid
from jethook_contract.subjects import (
    MAX_TYPE_CHARACTERS,
    attempts_subject,
    covers,
    deadletters_subject,
    direct_subject,
    event_type_of,
    events_subject,
    filter_subject,
    filter_subjects,
    matches,
)

SPELLED = [
    ("com.example.order.made", "com.example.order.made"),
    ("a b", "a%20b"),
    ("a*b.>", "a%2Ab.%3E"),
    ("*", "%2A"),
    ("100%", "100%25"),
    ("%00", "%2500"),
    ("größe", "gr%C3%B6%C3%9Fe"),
    ("\U0001f600", "%F0%9F%98%80"),
    ("a..b", "a.%00.b"),
    (".", "%00.%00"),
    ("a.", "a.%00"),
    ('$JS/API:"v1"\\~_-', '$JS/API:"v1"\\~_-'),
]
IN_CLOUDEVENTS = (
    st.characters(exclude_categories=["Cs", "Cc"])
    .filter(lambda c: not 0xFDD0 <= ord(c) <= 0xFDEF and ord(c) & 0xFFFE != 0xFFFE)
    .map(str)
)
TYPES = st.text(st.one_of(st.sampled_from(list("ab.*>% ")), IN_CLOUDEVENTS), min_size=1, max_size=40)
SEGMENTS = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4)
FILTERS = st.tuples(st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=4), st.booleans()).map(
    lambda parts: ".".join([*parts[0], ">"] if parts[1] else parts[0])
)


@pytest.mark.parametrize(("event_type", "encoded"), SPELLED)
def test_a_type_is_spelled_so_that_nats_takes_it_literally(event_type: str, encoded: str) -> None:
    assert events_subject("shop", event_type) == f"jethook.events.shop.{encoded}"


@given(TYPES)
def test_every_legal_type_comes_back_from_its_subject(event_type: str) -> None:
    subject = events_subject("shop", event_type)
    assert event_type_of(subject) == event_type
    assert re.fullmatch(r"jethook\.events\.shop(\.[!-)+-\-/-=?-~]+)+", subject)


@pytest.mark.parametrize(
    "event_type", ["", "a\nb", "a\x00", "\x7f", "\x85", "\ufdd0", "\uffff", "\U0001fffe", "\ud800"]
)
def test_a_type_that_cloudevents_forbids_is_refused(event_type: str) -> None:
    with pytest.raises(Invalid, match="attribute type") as caught:
        events_subject("shop", event_type)
    assert caught.value.reason == "BadEventType"


def test_the_length_of_a_type_is_bounded_as_encoded() -> None:
    assert len(event_type_of(events_subject("shop", "a" * MAX_TYPE_CHARACTERS))) == MAX_TYPE_CHARACTERS
    for event_type in ("a" * (MAX_TYPE_CHARACTERS + 1), "ä" * (MAX_TYPE_CHARACTERS // 6 + 1)):
        with pytest.raises(Invalid) as caught:
            events_subject("shop", event_type)
        assert caught.value.reason == "TypeTooLong"


@pytest.mark.parametrize(
    "subject",
    [
        "jethook.events.shop",
        "jethook.events.shop.",
        "jethook.events.shop.a..b",
        "jethook.events.shop.%61",
        "jethook.events.shop.a*",
        "jethook.events.shop.%c3%b6",
        "jethook.events.shop.%FF",
        "jethook.direct.shop.a",
        "jethook.events.Shop.a",
    ],
)
def test_a_subject_that_spells_no_type_is_refused(subject: str) -> None:
    with pytest.raises(Invalid) as caught:
        event_type_of(subject)
    assert caught.value.reason == "BadSubject"


@pytest.mark.parametrize("name", ["", "a.b", "*", ">", "A", "-a", "a-", "a" * 64, "a\n", "a b"])
def test_only_dns_labels_become_tokens(name: str) -> None:
    for make in (
        lambda: direct_subject(name, "s"),
        lambda: deadletters_subject("n", name),
        lambda: attempts_subject(name),
    ):
        with pytest.raises(Invalid) as caught:
            make()
        assert caught.value.reason == "BadName"


def test_other_subjects_are_as_the_design_names_them() -> None:
    assert direct_subject("shop", "crm") == "jethook.direct.shop.crm"
    assert deadletters_subject("shop", "crm") == "jethook.deadletters.shop.crm"
    assert attempts_subject("shop") == "jethook.attempts.shop"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a.b", "a.b"),
        ("a.*.c", "a.*.c"),
        ("a.**", "a.>"),
        ("**", ">"),
        ("*", "*"),
        ("a b.>", "a%20b.%3E"),
    ],
)
def test_a_pattern_becomes_a_filter(pattern: str, expected: str) -> None:
    assert filter_subject("shop", pattern) == f"jethook.events.shop.{expected}"


@pytest.mark.parametrize("pattern", ["a*", "*a", "a.**.b", "**.a", "a.***", "a..b", "", "a."])
def test_a_star_that_is_no_whole_segment_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid, match="event type") as caught:
        filter_subject("shop", pattern)
    assert caught.value.reason == "BadEventTypePattern"


def test_filters_are_sorted_and_none_covers_another() -> None:
    found = filter_subjects("shop", ["b.*", "b.c", "a.**", "a.b.*", "a", "b.*"], "crm")
    assert found == (
        "jethook.direct.shop.crm",
        "jethook.events.shop.a",
        "jethook.events.shop.a.>",
        "jethook.events.shop.b.*",
    )


@given(FILTERS, SEGMENTS)
def test_a_filter_matches_what_a_shell_pattern_matches(pattern: str, tokens: list[str]) -> None:
    subject = ".".join(tokens)
    *head, last = pattern.split(".")
    if last == ">":
        expected = len(tokens) > len(head) and all(map(fnmatch.fnmatchcase, tokens, head))
    else:
        wanted = [*head, last]
        expected = len(tokens) == len(wanted) and all(map(fnmatch.fnmatchcase, tokens, wanted))
    assert matches(pattern, subject) is expected


def test_a_filter_covers_another_exactly_when_it_matches_all_that_the_other_does() -> None:
    # "c" stands for every token that no filter names; four tokens are one more than the longest filter has.
    subjects = [".".join(tokens) for length in range(1, 5) for tokens in product("abc", repeat=length)]
    heads = [".".join(tokens) for length in range(1, 4) for tokens in product("ab*", repeat=length)]
    filters = [">", *heads, *(f"{head}.>" for head in heads if head.count(".") < 2)]
    matched = {one: {subject for subject in subjects if matches(one, subject)} for one in filters}
    wrong = [(a, b) for a, b in product(filters, filters) if covers(a, b) is not (matched[a] >= matched[b])]
    assert wrong == []
