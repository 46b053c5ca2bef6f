"""What a dispatcher tells of real deliveries, over its real `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from hack.ports import free_port
from jethook_contract import names
from jethook_contract.plan import RetryPolicy
from jethook_contract.target import BreakerPolicy
from jethook_dispatcher.shell.main import run
from jethook_dispatcher.shell.settings import DispatcherSettings
from tests.dispatcher.lanes.world import NAMESPACE, World
from tests.fixtures.behaviours import answers, failing, hanging
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver
from tests.fixtures.scraping import Scrape, page, scrape

pytestmark = pytest.mark.component

Receivers = Callable[..., Receiver]
ONE_ATTEMPT = RetryPolicy(max_attempts=1, initial_delay_seconds=1)


async def scraped(port: int, condition: Callable[[Scrape], object], *, seconds: float = 20.0) -> Scrape:
    """Scrape until the condition holds."""

    async def probe() -> Scrape | None:
        found = await scrape(port)
        return found if condition(found) else None

    return await eventually(probe, seconds=seconds, every_seconds=0.1)


@pytest.mark.usefixtures("local")
async def test_deliveries_are_counted_and_timed_by_endpoint(world: World, receiver: Receiver, port: int) -> None:
    await world.subscribe("all", url=receiver.url)
    await world.publish(50)
    await eventually(lambda: world.done("all"))
    here = {"namespace": NAMESPACE, "endpoint": "orders"}
    found = await scraped(port, lambda one: one.value("jethook_dispatcher_events_delivered_total", **here) == 50)
    assert found.value("jethook_dispatcher_attempts_total", result="delivered", code="2xx", **here) == 50
    assert found.value("jethook_dispatcher_attempt_duration_seconds_count", **here) == 50
    assert found.value("jethook_dispatcher_attempt_duration_seconds_bucket", le="120.0", **here) == 50
    total = found.value("jethook_dispatcher_attempt_duration_seconds_sum", **here)
    assert total is not None
    assert 0 < total < 50
    assert found.value("jethook_dispatcher_events_retried_total", **here) == 0


@pytest.mark.usefixtures("local")
async def test_failures_retries_and_dead_letters_are_told_apart(world: World, receivers: Receivers, port: int) -> None:
    flaky, broken = receivers(failing([503])), receivers(answers(404))
    await world.subscribe("flaky", endpoint="flaky", url=flaky.url, types=("com.example.flaky",))
    await world.subscribe("dead", endpoint="dead", url=broken.url, types=("com.example.dead",), retry=ONE_ATTEMPT)
    await world.publish(1, event_type="com.example.flaky")
    await world.publish(2, event_type="com.example.dead")
    await eventually(lambda: world.done("flaky"))
    await eventually(lambda: world.done("dead"))
    found = await scraped(port, lambda one: one.values("jethook_dispatcher_events_dead_lettered_total") == [2])
    assert found.value("jethook_dispatcher_attempts_total", endpoint="flaky", result="failed", code="5xx") == 1
    assert found.value("jethook_dispatcher_attempts_total", endpoint="flaky", result="delivered") == 1
    assert found.value("jethook_dispatcher_events_retried_total", endpoint="flaky") == 1
    assert found.value("jethook_dispatcher_attempts_total", endpoint="dead", result="failed", code="4xx") == 2
    reason = found.value("jethook_dispatcher_events_dead_lettered_total", endpoint="dead", reason="AttemptsExhausted")
    assert reason == 2


@pytest.mark.usefixtures("local")
async def test_what_waits_and_what_holds_it_back_is_shown(world: World, receivers: Receivers, port: int) -> None:
    closed = receivers()
    closed.stop()
    breaker = BreakerPolicy(min_requests=1, failure_percent=1, open_seconds=60)
    retry = RetryPolicy(max_attempts=9, initial_delay_seconds=60)
    await world.subscribe("all", url=closed.url, max_in_flight=1, target={"breaker": breaker}, retry=retry)
    await world.publish(30)
    found = await scraped(
        port,
        lambda one: (
            one.value("jethook_dispatcher_endpoint_circuit", state="open") == 1
            and sum(one.values("jethook_dispatcher_backlog_events")) == 30
        ),
    )
    assert found.value("jethook_dispatcher_endpoint_circuit", state="closed") == 0
    assert found.value("jethook_dispatcher_endpoint_limited", limited_by="CircuitBreaker") == 1
    assert found.value("jethook_dispatcher_attempt_faults_total", reason="ConnectFailed")
    assert found.value("jethook_dispatcher_attempts_total", result="failed", code="none")
    age = found.value("jethook_dispatcher_backlog_oldest_age_seconds", endpoint="orders")
    assert age
    later = await scraped(
        port, lambda one: (one.value("jethook_dispatcher_backlog_oldest_age_seconds", endpoint="orders") or 0) > age
    )
    assert "orders" in later.endpoints


@pytest.mark.usefixtures("local")
async def test_attempts_under_way_are_shown(world: World, receivers: Receivers, port: int) -> None:
    receiver = receivers(hanging())
    await world.subscribe("all", url=receiver.url, max_in_flight=3, timeout_seconds=10)
    await world.publish(5)
    await receiver.wait_for_open_requests(3)
    found = await scraped(port, lambda one: one.value("jethook_dispatcher_events_in_flight", endpoint="orders") == 3)
    held = found.value("jethook_dispatcher_prefetched_bytes")
    assert held
    assert held >= 3 * 1024


@pytest.mark.usefixtures("local")
async def test_the_process_tells_how_it_is(world: World, receiver: Receiver, port: int) -> None:
    await world.subscribe("all", url=receiver.url)
    await world.publish(5)
    await eventually(lambda: world.done("all"))
    found = await scraped(
        port,
        lambda one: (
            one.value("jethook_dispatcher_attempt_log_records_total") == 5
            and one.value("jethook_dispatcher_status_writes_total", store="nats")
        ),
    )
    expected = {
        "jethook_dispatcher_nats_connected": 1,
        "jethook_dispatcher_nats_reconnects_total": 0,
        "jethook_dispatcher_member": 1,
        "jethook_dispatcher_pool_members": 1,
        "jethook_dispatcher_shards_owned": 256,
        "jethook_dispatcher_lanes": 1,
        "jethook_dispatcher_plan_parts": 1,
        "jethook_dispatcher_plan_parts_refused": 0,
        "jethook_dispatcher_prefetch_limit_bytes": 64 * 1024 * 1024,
        "jethook_dispatcher_attempt_log_records_dropped_total": 0,
    }
    assert {name: found.value(name) for name in expected} == expected
    assert found.value("jethook_dispatcher_attempt_log_batches_total")
    assert found.value("jethook_dispatcher_status_write_failures_total", store="nats") == 0
    assert found.value("jethook_dispatcher_event_loop_busy_seconds_total")
    assert found.value("jethook_dispatcher_build_info", pool="default") == 1
    assert found.value("process_resident_memory_bytes")


@pytest.mark.usefixtures("local")
async def test_a_removed_part_has_no_series(world: World, receiver: Receiver, port: int) -> None:
    await world.subscribe("gone", endpoint="gone", url=receiver.url)
    await world.subscribe("stays", endpoint="stays", url=receiver.url)
    await world.publish(1)
    await scraped(port, lambda one: one.endpoints == {"gone", "stays"})
    plan = await world.js.key_value(names.plan_bucket("default"))
    await plan.delete(names.plan_key(NAMESPACE, "gone", "gone"))
    found = await scraped(port, lambda one: one.endpoints == {"stays"})
    assert found.value("jethook_dispatcher_plan_parts") == 1


@pytest.mark.usefixtures("local")
async def test_two_members_never_tell_of_the_same_endpoint(
    world: World, receiver: Receiver, settings: DispatcherSettings, port: int
) -> None:
    endpoints = {f"endpoint-{number}" for number in range(12)}
    for name in sorted(endpoints):
        await world.subscribe(name, endpoint=name, url=receiver.url)
    await scraped(port, lambda one: one.endpoints == endpoints)
    stop, other_port = asyncio.Event(), free_port()
    second = replace(settings, member="second", metrics=("127.0.0.1", other_port))
    running = asyncio.create_task(run(second, stop=stop))

    async def shared_out() -> bool:
        found = [await scrape(one) for one in (port, other_port)]
        parted = [one.endpoints for one in found]
        owned = [one.value("jethook_dispatcher_shards_owned") or 0 for one in found]
        return all(parted) and sorted([*parted[0], *parted[1]]) == sorted(endpoints) and sum(owned) == 256

    try:
        await eventually(lambda: _answers(other_port))
        await eventually(shared_out, every_seconds=0.1)
    finally:
        stop.set()
        await running
    await scraped(port, lambda one: one.endpoints == endpoints)


async def _answers(port: int) -> bool:
    return (await page(port, "/livez"))[0] == 200
