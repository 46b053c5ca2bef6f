"""Leadership against a Lease in memory, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jethook_contract.errors import Invalid, Unavailable
from jethook_operator.core.election import Candidate, Lease, Write
from jethook_operator.shell.elected import elected
from jethook_operator.shell.leadership import Alone, LeaseLeadership, default_identity
from jethook_operator.shell.settings import OperatorSettings

pytestmark = pytest.mark.looptime
EPOCH = datetime(2026, 11, 24, tzinfo=UTC)


class SharedLease:
    """A Lease as the API server keeps it; `hang` answers nobody, `refuse` with that reason."""

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self.version = 0
        self.requests = 0
        self.hang = False
        self.refuse = ""

    async def read(self) -> tuple[Lease | None, str]:
        await self._arrive()
        return self.lease, str(self.version) if self.lease else ""

    async def write(self, step: Write) -> str:
        await self._arrive()
        if step.version != (str(self.version) if self.lease else ""):
            raise Unavailable("Conflict", "the object has been modified")
        self.lease = step.lease
        self.version += 1
        return str(self.version)

    async def _arrive(self) -> None:
        self.requests += 1
        if self.hang:
            await asyncio.Event().wait()
        if self.refuse:
            raise Unavailable(self.refuse, "no")
        await asyncio.sleep(0.01)


def candidate(leases: SharedLease, name: str, *, skew_seconds: float = 0.0) -> LeaseLeadership:
    def clock() -> float:
        return asyncio.get_running_loop().time() + 1000 * len(name)

    def today() -> datetime:
        return EPOCH + timedelta(seconds=clock() + skew_seconds)

    return LeaseLeadership(leases, candidate=Candidate(identity=name), clock=clock, today=today)


@asynccontextmanager
async def in_election(leadership: LeaseLeadership) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(leadership.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def seconds_until(done: Callable[[], bool]) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not done():  # noqa: ASYNC110 -- virtual time
        await asyncio.sleep(0.05)
    return loop.time() - began


async def test_one_leads_and_renews_and_the_other_stands_by() -> None:
    leases = SharedLease()
    first, second = candidate(leases, "a"), candidate(leases, "bb", skew_seconds=60)
    async with in_election(first):
        await first.gained()
        async with in_election(second):
            await asyncio.sleep(120)
            assert (first.leads, second.leads) == (True, False)
            with pytest.raises(Unavailable, match="NotLeading"):
                second.fence()
            first.fence()
    assert leases.requests < 130  # each of the two once in two seconds


@pytest.mark.parametrize("skew", [-60.0, 0.0, 60.0])
async def test_who_stands_by_takes_over_from_the_dead_when_the_lease_has_run_out(skew: float) -> None:
    leases = SharedLease()
    first, second = candidate(leases, "a"), candidate(leases, "bb", skew_seconds=skew)
    async with in_election(first):
        await first.gained()
        standby = asyncio.create_task(second.run())
        await asyncio.sleep(31)
    passed = await seconds_until(lambda: second.leads)
    assert 12.5 < passed < 17.5
    assert not first.leads
    standby.cancel()


async def test_a_release_lets_the_other_lead_with_its_next_look() -> None:
    leases = SharedLease()
    first, second = candidate(leases, "a"), candidate(leases, "bb")
    async with in_election(first) as task:
        await first.gained()
        async with in_election(second):
            await asyncio.sleep(10)
            task.cancel()
            await first.release()
            assert not first.leads
            assert await seconds_until(lambda: second.leads) < 2.5


async def test_an_api_server_that_hangs_beyond_the_deadline_ends_the_leader() -> None:
    leases = SharedLease()
    leadership = candidate(leases, "a")
    async with in_election(leadership) as task:
        await leadership.gained()
        leases.hang = True
        passed = await seconds_until(task.done)
        assert 8 < passed < 10.1
        assert not leadership.leads
        with pytest.raises(Unavailable, match=r"LeaseLost: .*could not be renewed for 10 s"):
            task.result()


@pytest.mark.parametrize("reason", ["APIServerUnreachable", "Forbidden", "TooManyRequests"])
async def test_refusals_are_tried_again_each_two_seconds_and_a_short_one_is_survived(reason: str) -> None:
    leases = SharedLease()
    leadership = candidate(leases, "a")
    async with in_election(leadership):
        await leadership.gained()
        leases.refuse, before = reason, leases.requests
        await asyncio.sleep(7)
        assert leases.requests - before <= 4
        leases.refuse = ""
        await asyncio.sleep(30)
        assert leadership.leads


async def test_a_refusal_from_the_start_is_waited_out_without_leading() -> None:
    leases = SharedLease()
    leases.refuse = "Forbidden"
    leadership = candidate(leases, "a")
    async with in_election(leadership) as task:
        await asyncio.sleep(100)
        assert leases.requests <= 51
        assert not task.done()
        leases.refuse = ""
        await leadership.gained()


async def test_a_lease_in_a_namespace_that_is_missing_makes_no_hot_loop() -> None:
    class Homeless(SharedLease):
        async def write(self, step: Write) -> str:
            self.requests += 1
            raise Unavailable("NotFound", f"no namespace for {step.lease.holder}")

    leases = Homeless()
    async with in_election(candidate(leases, "a")):
        await asyncio.sleep(60)
    assert leases.requests <= 62


async def test_a_process_that_slept_through_its_lease_changes_nothing_when_it_wakes() -> None:
    leases = SharedLease()
    slept = 0.0
    leadership = LeaseLeadership(
        leases,
        candidate=Candidate(identity="a"),
        clock=lambda: asyncio.get_running_loop().time() + slept,
        today=lambda: EPOCH,
    )
    async with in_election(leadership) as task:
        await leadership.gained()
        slept = 60.0
        with pytest.raises(Unavailable, match="NotLeading"):
            leadership.fence()
        await asyncio.sleep(2.1)
        assert task.done()


async def test_a_release_goes_over_a_renewal_whose_answer_nobody_waited_for() -> None:
    leases = SharedLease()
    leadership = candidate(leases, "a")
    async with in_election(leadership) as task:
        await leadership.gained()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        leases.version += 1
        await leadership.release()
    assert leases.lease is not None
    assert leases.lease.holder == ""


async def test_what_was_taken_by_another_is_not_released() -> None:
    leases = SharedLease()
    leadership = candidate(leases, "a")
    async with in_election(leadership):
        await leadership.gained()
    leases.version += 1
    leases.lease = Lease(holder="z", duration_seconds=15)
    await leadership.release()
    assert leases.lease.holder == "z"


async def test_without_an_election_a_process_leads_from_the_start() -> None:
    alone = Alone()
    await alone.gained()
    alone.fence()
    assert alone.leads
    await alone.release()


def test_identities_name_the_pod_and_never_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "jethook-operator-x7k2")
    names = {default_identity() for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("jethook-operator-x7k2_") for name in names)


async def test_an_election_without_kubernetes_is_refused() -> None:
    settings = OperatorSettings(install_id="t", plan_keys_dir=Path(), provider="files", leader_elect=True)
    with pytest.raises(Invalid, match="--leader-elect needs --provider kubernetes"):
        async with elected(settings):
            pass
