"""The rules of the Lease, one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jethook_contract.errors import Invalid
from jethook_operator.core.election import (
    Candidate,
    ElectionSettings,
    Lease,
    Lost,
    Read,
    Step,
    Wait,
    Write,
    failed,
    next_step,
    read,
    released,
    wrote,
)

TODAY = datetime(2026, 11, 24, 10, tzinfo=UTC)
OTHERS = Lease(holder="b", duration_seconds=15, acquired=TODAY, renewed=TODAY, transitions=4)
FRESH = Candidate(identity="a")


def step(candidate: Candidate, *, now: float) -> Step:
    return next_step(candidate, now=now, today=TODAY)


def look(candidate: Candidate, lease: Lease | None, *, now: float, version: str = "7") -> Candidate:
    return read(candidate, lease, version=version if lease else "", now=now, random=0.0)


def leader(*, sent_at: float = 100.0) -> Candidate:
    candidate = look(FRESH, None, now=sent_at)
    found = step(candidate, now=sent_at)
    assert isinstance(found, Write)
    return wrote(candidate, found.lease, version="1", sent_at=sent_at)


def test_the_first_thing_is_to_read() -> None:
    assert step(FRESH, now=0.0) == Read()


def test_where_no_lease_is_one_is_created_and_who_created_it_leads() -> None:
    candidate = look(FRESH, None, now=1.0)
    found = step(candidate, now=1.0)
    mine = Lease(holder="a", duration_seconds=15, acquired=TODAY, renewed=TODAY, transitions=0)
    assert found == Write(mine, version="")
    assert not candidate.leads(1.0)
    assert wrote(candidate, mine, version="1", sent_at=1.0).leads(1.1)


def test_a_leader_renews_each_retry_period_over_the_version_that_it_made() -> None:
    first = leader(sent_at=100.0)
    assert step(first, now=101.0) == Wait(102.0)
    later = TODAY + timedelta(seconds=2)
    found = next_step(first, now=102.0, today=later)
    assert found == Write(replace(first.seen or OTHERS, renewed=later), version="1")


def test_a_leader_is_valid_from_before_its_renewal_was_sent() -> None:
    held = leader(sent_at=100.0)
    assert held.leads(109.9)
    assert not held.leads(110.0)
    assert step(held, now=110.0) == Lost("it could not be renewed for 10 s")


def test_an_answer_that_comes_after_the_deadline_makes_no_leader() -> None:
    late = leader(sent_at=100.0)
    assert isinstance(step(late, now=111.0), Lost)


def test_a_follower_looks_each_retry_period_and_takes_over_at_the_moment_the_lease_runs_out() -> None:
    follower = look(FRESH, OTHERS, now=50.0)
    assert step(follower, now=50.0) == Wait(52.0)
    assert step(follower, now=52.0) == Read()
    for now in (52.0, 54.0, 56.0, 58.0, 60.0, 62.0):
        follower = look(follower, OTHERS, now=now)
        assert step(follower, now=now) == Wait(now + 2.0)
    follower = look(follower, OTHERS, now=64.0)
    assert step(follower, now=64.0) == Wait(65.0)
    found = step(follower, now=65.0)
    assert isinstance(found, Write)
    assert (found.lease.holder, found.lease.transitions, found.version) == ("a", 5, "7")


def test_a_renewal_begins_the_wait_anew_and_what_is_no_renewal_does_not() -> None:
    follower = look(FRESH, OTHERS, now=50.0)
    noted = look(follower, OTHERS, now=60.0, version="8")  # annotated by somebody
    assert noted.seen_at == 50.0
    assert noted.version == "8"
    renewed = look(noted, replace(OTHERS, renewed=TODAY + timedelta(seconds=1)), now=64.0, version="9")
    assert step(renewed, now=65.0) == Wait(66.0)


@pytest.mark.parametrize("minutes", [-60, -1, 1, 60])
def test_the_time_of_day_in_a_lease_decides_nothing(minutes: int) -> None:
    skewed = replace(OTHERS, renewed=TODAY + timedelta(minutes=minutes))
    assert step(look(FRESH, skewed, now=50.0), now=50.0) == Wait(52.0)


@pytest.mark.parametrize(("duration", "until"), [(0, 65.0), (5, 65.0), (40, 90.0), (10**9, 350.0)])
def test_a_longer_lease_of_another_is_respected_within_bounds(duration: int, until: float) -> None:
    follower = look(FRESH, replace(OTHERS, duration_seconds=duration), now=50.0)
    nearly = look(follower, follower.seen, now=until - 1.0)
    assert step(nearly, now=until - 0.5) == Wait(until)
    assert isinstance(step(nearly, now=until), Write)


def test_a_released_lease_is_taken_at_once() -> None:
    follower = look(FRESH, OTHERS, now=50.0)
    follower = look(follower, replace(OTHERS, holder=""), now=52.0)
    assert isinstance(step(follower, now=52.0), Write)


def test_a_lease_whose_write_was_answered_to_nobody_is_known_again_by_its_holder() -> None:
    unsure = failed(look(FRESH, None, now=1.0), conflict=False, now=6.0)
    assert step(unsure, now=7.9) == Wait(8.0)
    assert step(unsure, now=8.0) == Read()
    found = step(look(unsure, replace(OTHERS, holder="a"), now=8.0), now=8.0)
    assert isinstance(found, Write)
    assert (found.lease.holder, found.lease.transitions, found.version) == ("a", 4, "7")


def test_a_conflict_is_looked_into_soon_and_never_at_once() -> None:
    beaten = failed(look(FRESH, None, now=1.0), conflict=True, now=1.0)
    assert step(beaten, now=1.0) == Wait(1.2)
    assert step(beaten, now=1.2) == Read()


def test_a_leader_that_finds_its_own_lease_after_a_conflict_goes_on_without_gaining_time() -> None:
    held = failed(leader(sent_at=100.0), conflict=True, now=102.0)
    again = look(held, held.seen, now=103.0, version="5")
    assert again.valid_until == 110.0
    found = step(again, now=103.0)
    assert isinstance(found, Write)
    assert found.version == "5"


@pytest.mark.parametrize(
    ("lease", "why"),
    [
        (OTHERS, "b has taken it"),
        (None, "somebody deleted it"),
        (replace(OTHERS, holder=""), "somebody has cleared its holder"),
    ],
)
def test_a_leader_that_finds_another_holder_or_none_is_out_for_good(lease: Lease | None, why: str) -> None:
    out = look(failed(leader(sent_at=100.0), conflict=True, now=102.0), lease, now=103.0)
    assert not out.leads(103.0)
    assert step(out, now=103.0) == Lost(why)


def test_a_lease_that_vanishes_is_waited_out_by_who_saw_its_holder() -> None:
    follower = look(look(FRESH, OTHERS, now=50.0), None, now=52.0)
    assert step(follower, now=52.0) == Wait(54.0)
    assert step(look(follower, None, now=64.0), now=64.0) == Wait(65.0)
    found = step(look(follower, None, now=64.0), now=65.0)
    assert isinstance(found, Write)
    assert found.version == ""


def test_a_release_ends_leading_before_it_is_written() -> None:
    held = leader(sent_at=100.0)
    after, write = released(held, now=105.0)
    assert not after.leads(105.0)
    assert write is not None
    assert (write.lease.holder, write.version) == ("", "1")


@pytest.mark.parametrize(("candidate", "now"), [(FRESH, 1.0), (leader(sent_at=100.0), 111.0)])
def test_who_does_not_lead_has_nothing_to_release(candidate: Candidate, now: float) -> None:
    assert released(candidate, now=now)[1] is None


@pytest.mark.parametrize(("lease", "renew", "retry"), [(10.0, 10.0, 2.0), (15.0, 4.0, 2.0), (15.0, 10.0, 0.0)])
def test_settings_that_could_make_two_leaders_are_refused(lease: float, renew: float, retry: float) -> None:
    with pytest.raises(Invalid, match="BadElection"):
        ElectionSettings(lease_seconds=lease, renew_deadline_seconds=renew, retry_seconds=retry)
