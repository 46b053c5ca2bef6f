"""ULIDs sort in the order in which they were made."""

import re
import time

from jethook_dispatcher.shell.ulid import Ulids

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_ulids_are_distinct_sorted_and_well_formed() -> None:
    ulids = Ulids()
    made = [ulids.next() for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(re.fullmatch(f"[{ALPHABET}]{{26}}", one) for one in made)


def test_a_ulid_tells_its_time() -> None:
    before = time.time_ns() // 1_000_000
    head = Ulids().next()[:10]
    milliseconds = 0
    for character in head:
        milliseconds = milliseconds * 32 + ALPHABET.index(character)
    assert before <= milliseconds <= before + 1000
