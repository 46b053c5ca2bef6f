"""What waits for a dispatcher, what for its endpoint, and which shards are busy: the sums over a pool."""

from dataclasses import replace

import pytest

from jethook_contract.status import DeliveryState, LimitedBy
from jethook_operator.core.scaling import PoolLoad
from jethook_operator.core.scaling_load import ConsumerFigures, EndpointLook, Report, Standing, load_of

OPEN = Standing(gated=False)
WAITING = EndpointLook(shard=1, waiting=1000, in_flight=20)


def load(*looks: EndpointLook, standing: Standing | None = OPEN, owner: int = 50, seconds: float = 5.0) -> PoolLoad:
    named = {f"shop/{number}": look for number, look in enumerate(looks)}
    return load_of(
        named,
        standings={} if standing is None else dict.fromkeys(named, standing),
        owner_percents={1: owner},
        members=(owner,),
        target_percent=60,
        seconds=seconds,
    )


def test_what_waits_without_being_held_back_is_deliverable() -> None:
    found = load(WAITING, replace(WAITING, shard=2))
    assert (found.waiting, found.in_flight, found.undelivered) == (2000, 40, 2040)
    assert (found.deliverable, found.lagging, found.lagging_shards, found.busy_shards) == (2000, 2000, 2, 2)


@pytest.mark.parametrize("standing", [None, Standing(gated=True)], ids=["nothing-is-known", "gated"])
def test_what_waits_for_its_endpoint_or_for_an_unknown_reason_is_not(standing: Standing | None) -> None:
    found = load(WAITING, standing=standing)
    assert (found.waiting, found.gated, found.deliverable) == (1000, 1000, 0)
    assert (found.lagging, found.lagging_shards, found.busy_shards) == (0, 0, 0)


@pytest.mark.parametrize(("owner", "deliverable"), [(59, 0), (60, 1000), (100, 1000)])
def test_a_full_max_in_flight_waits_for_a_dispatcher_only_where_the_owner_is_busy(owner: int, deliverable: int) -> None:
    assert load(WAITING, standing=Standing(gated=False, all_in_flight=True), owner=owner).deliverable == deliverable


def test_a_full_max_in_flight_of_a_shard_without_a_known_owner_waits_for_the_endpoint() -> None:
    elsewhere = replace(WAITING, shard=9)
    assert load(elsewhere, standing=Standing(gated=False, all_in_flight=True), owner=100).deliverable == 0


def test_two_endpoints_of_one_shard_are_one_shard() -> None:
    assert (load(WAITING, WAITING).busy_shards, load(WAITING, WAITING).lagging_shards) == (1, 1)


@pytest.mark.parametrize(("fresh", "lagging"), [(0, 1000), (82, 1000), (84, 0), (5000, 0)])
def test_a_shard_lags_when_its_backlog_takes_more_than_a_minute(fresh: int, lagging: int) -> None:
    found = load(replace(WAITING, fresh=fresh, handed_out=fresh))
    assert (found.lagging, found.lagging_shards) == (lagging, int(lagging > 0))
    assert found.deliverable == 1000


def test_at_the_first_look_nothing_lags() -> None:
    assert load(WAITING, seconds=0.0).lagging == 0


def test_an_endpoint_that_keeps_up_is_busy_and_has_no_backlog() -> None:
    found = load(EndpointLook(shard=1, handed_out=10, fresh=10), standing=None)
    assert (found.busy_shards, found.undelivered, found.handed_out) == (1, 0, 10)


def test_a_pool_without_work_has_no_load() -> None:
    assert load() == PoolLoad(utilization_percents=(50,))


BEFORE = ConsumerFigures(pending=5, handed_out=100, stream_sequence=90)


@pytest.mark.parametrize(
    ("now", "before", "look"),
    [
        (replace(BEFORE, pending=7), None, EndpointLook(shard=1, waiting=7)),
        (
            replace(BEFORE, handed_out=130, stream_sequence=120),
            BEFORE,
            EndpointLook(shard=1, waiting=5, handed_out=30, fresh=30),
        ),
        (replace(BEFORE, handed_out=130), BEFORE, EndpointLook(shard=1, waiting=5, handed_out=30)),
        (ConsumerFigures(pending=5), BEFORE, EndpointLook(shard=1, waiting=5)),
        (
            replace(BEFORE, unacknowledged=1000, max_unacknowledged=1000),
            BEFORE,
            EndpointLook(shard=1, waiting=5, in_flight=1000, blocked=5),
        ),
    ],
    ids=["first-look", "went-on", "only-repeats", "made-anew", "retries-have-all-places"],
)
def test_a_consumer_adds_what_it_shows(
    now: ConsumerFigures, before: ConsumerFigures | None, look: EndpointLook
) -> None:
    assert EndpointLook(shard=1).with_consumer(now, before=before) == look


def test_what_is_behind_a_full_max_ack_pending_is_not_deliverable() -> None:
    assert load(replace(WAITING, blocked=1000)).deliverable == 0


@pytest.mark.parametrize(
    ("state", "limited_by"),
    [
        ("Healthy", "RequestsPerSecond"),
        ("Healthy", "SlowStart"),
        ("Healthy", "RetryAfter"),
        ("Throttled", "Throttling"),
        ("CircuitOpen", "CircuitBreaker"),
        ("Pending", "Handshake"),
        ("Disabled", "Disabled"),
        ("Failing", None),
        ("DeadLettersFull", None),
        ("RetryBacklogFull", None),
        ("KeyBlocked", None),
    ],
)
def test_these_reports_say_that_deliveries_wait_for_the_endpoint(
    state: DeliveryState, limited_by: LimitedBy | None
) -> None:
    assert Report(state=state, limited_by=limited_by).gates


@pytest.mark.parametrize("state", ["Healthy", "Idle", "Degraded", "NearlyFull"])
@pytest.mark.parametrize("limited_by", [None, "MaxInFlight"])
def test_these_reports_do_not(state: DeliveryState, limited_by: LimitedBy | None) -> None:
    assert not Report(state=state, limited_by=limited_by).gates
