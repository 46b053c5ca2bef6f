"""Writing the metrics of many endpoints does not hold up what delivers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jethook_dispatcher.shell.lane_reports import AttemptReport
from jethook_dispatcher.shell.monitoring import Monitoring
from jethook_dispatcher.shell.settings import DispatcherSettings
from jethook_dispatcher.shell.status import StatusReporter
from tests.dispatcher.status.conftest import OK, START, ManualClock, plan_part
from tests.fixtures.scraping import Scrape

ENDPOINTS = 1_200


class NoStore:
    """A store that is never reached: nothing runs the reporter's writes here."""

    async def load(self, key: object) -> tuple[None, int]:
        raise AssertionError(key)

    async def save(self, record: object, *, revision: int) -> int | None:
        raise AssertionError(record, revision)


async def test_the_event_loop_has_many_turns_during_a_scrape_of_many_endpoints() -> None:
    monitoring = Monitoring(DispatcherSettings(plan_keys_file=Path("none")))
    then = StatusReporter(NoStore(), clock=ManualClock(), holds=lambda _: True, share=lambda: 1.0)
    reports = monitoring.measured(then)
    for number in range(ENDPOINTS):
        part = plan_part(endpoint=f"e-{number}", subscription=f"s-{number}")
        reports.part_changed(part)
        reports.attempted(AttemptReport(part=part, outcome=OK, attempt=1, ended_at=START))
    turns = 0

    async def deliver() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    delivering = asyncio.create_task(deliver())
    try:
        found = Scrape(b"".join(await monitoring.metrics()).decode())
    finally:
        delivering.cancel()
    assert sum(found.values("jethook_dispatcher_attempts_total")) == ENDPOINTS
    assert found.value("jethook_dispatcher_plan_parts") == ENDPOINTS
    assert turns >= 10


async def test_scrapes_at_the_same_time_are_written_one_after_the_other() -> None:
    monitoring = Monitoring(DispatcherSettings(plan_keys_file=Path("none")))
    one, other = await asyncio.gather(monitoring.metrics(), monitoring.metrics())
    assert [Scrape(b"".join(text).decode()).value("jethook_dispatcher_plan_parts") for text in (one, other)] == [0, 0]
