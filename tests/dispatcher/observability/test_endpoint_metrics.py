"""The endpoints' figures: what is counted where, and that nothing grows without bound."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jethook_contract.metric_families import OTHER
from jethook_contract.status import LimitedBy
from jethook_dispatcher.core.breaker import State
from jethook_dispatcher.core.endpoint_exposition import exposition
from jethook_dispatcher.core.endpoint_figures import BUCKETS
from jethook_dispatcher.core.endpoint_metrics import MAX_REASONS, EndpointMetrics
from jethook_dispatcher.core.gate_values import GateReport
from jethook_dispatcher.core.outcome import Outcome, failure
from tests.dispatcher.status.conftest import BUSY, LATE, OK, START, plan_part
from tests.fixtures.scraping import Scrape

GONE = Outcome(kind="Disable", status_code=410, reason="HTTPStatus")
UNWANTED = Outcome(kind="Abort", status_code=422, reason="HTTPStatus")
MOVED = Outcome(kind="Retry", status_code=302, reason="HTTPStatus")
ODD = Outcome(kind="Retry", status_code=700, reason="HTTPStatus")
ATTEMPTS = "jethook_dispatcher_attempts_total"
BACKLOG = "jethook_dispatcher_backlog_events"


def gate_report(
    *, circuit: State = "Closed", limited_by: LimitedBy | None = None, allowed: int | None = None
) -> GateReport:
    return GateReport(
        limited_by=limited_by,
        circuit=circuit,
        open_targets=0,
        targets=1,
        next_probe_in_seconds=None,
        pause_seconds=30,
        allowed_requests_per_second=allowed,
        disabled=None,
    )


def shown(metrics: EndpointMetrics, *, after_seconds: float = 0.0) -> Scrape:
    return Scrape("".join(exposition(metrics, now=START + timedelta(seconds=after_seconds))))


@pytest.mark.parametrize(
    ("outcome", "result", "code"),
    [
        (OK, "delivered", "2xx"),
        (BUSY, "failed", "5xx"),
        (LATE, "failed", "none"),
        (GONE, "disabled", "4xx"),
        (UNWANTED, "aborted", "4xx"),
        (ODD, "failed", "other"),
        (MOVED, "failed", "3xx"),
    ],
)
def test_an_attempt_counts_by_its_result_and_the_class_of_its_status(outcome: Outcome, result: str, code: str) -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    metrics.part_changed(plan_part())
    metrics.attempted(plan_part(), outcome, attempt=1, events=1)
    labels = {"namespace": "shop", "endpoint": "crm", "result": result, "code": code}
    assert [one[1] for one in shown(metrics).samples() if one[0] == ATTEMPTS and one[2]] == [labels]


def test_an_endpoint_without_success_has_none_and_is_not_without_figures() -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    metrics.part_changed(plan_part())
    metrics.attempted(plan_part(), LATE, attempt=1, events=1)
    assert shown(metrics).value(ATTEMPTS, result="delivered", code="2xx") == 0


def test_a_batch_is_one_attempt_and_so_many_events() -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    metrics.part_changed(plan_part())
    metrics.attempted(plan_part(), BUSY, attempt=1, events=7)
    metrics.attempted(plan_part(), OK, attempt=2, events=7)
    found = shown(metrics)
    assert sum(found.values(ATTEMPTS)) == 2
    assert found.value("jethook_dispatcher_events_delivered_total") == 7
    assert found.value("jethook_dispatcher_events_retried_total") == 7


@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.0051, 1.0, 119.9, 120.0, 500.0])
def test_a_duration_falls_into_every_bucket_that_holds_it(seconds: float) -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    metrics.part_changed(plan_part())
    outcome = Outcome(kind="Delivered", status_code=200, duration_seconds=seconds)
    metrics.attempted(plan_part(), outcome, attempt=1, events=1)
    found = shown(metrics)
    for bound in (*BUCKETS, float("inf")):
        le = "+Inf" if bound == float("inf") else str(bound)
        counted = found.value("jethook_dispatcher_attempt_duration_seconds_bucket", le=le)
        assert counted == (1 if seconds <= bound else 0), bound
    assert found.value("jethook_dispatcher_attempt_duration_seconds_sum") == pytest.approx(seconds)


def test_the_backlogs_of_an_endpoints_subscriptions_add_up_and_the_oldest_event_counts() -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    for number, subscription in enumerate(("one", "two"), 1):
        part = plan_part(subscription=subscription)
        metrics.part_changed(part)
        oldest = START - timedelta(seconds=10 * number)
        metrics.backlog(part, pending=number, unacknowledged=10 * number, in_flight=2, oldest=oldest)
        metrics.parked(part, keys=number)
    found = shown(metrics, after_seconds=5)
    assert found.value(BACKLOG, state="pending") == 3
    assert found.value(BACKLOG, state="unacknowledged") == 30
    assert found.value("jethook_dispatcher_events_in_flight") == 4
    assert found.value("jethook_dispatcher_parked_keys") == 3
    assert found.value("jethook_dispatcher_backlog_oldest_age_seconds") == 25


def test_an_age_is_never_negative_and_an_empty_backlog_has_none() -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    metrics.part_changed(plan_part())
    assert shown(metrics).value("jethook_dispatcher_backlog_oldest_age_seconds") == 0
    metrics.backlog(plan_part(), pending=1, unacknowledged=0, in_flight=0, oldest=START + timedelta(seconds=9))
    assert shown(metrics).value("jethook_dispatcher_backlog_oldest_age_seconds") == 0


def test_a_gate_shows_one_state_and_only_what_holds_it_back() -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    metrics.part_changed(plan_part())
    assert shown(metrics).values("jethook_dispatcher_endpoint_circuit") == []
    held = gate_report(circuit="HalfOpen", limited_by="CircuitBreaker", allowed=3)
    metrics.gate("shop", "crm", report=held)
    found = shown(metrics)
    states = {state: found.value("jethook_dispatcher_endpoint_circuit", state=state) for state in ("closed", "open")}
    assert states == {"closed": 0, "open": 0}
    assert found.value("jethook_dispatcher_endpoint_circuit", state="half_open") == 1
    assert found.value("jethook_dispatcher_endpoint_limited", limited_by="CircuitBreaker") == 1
    assert found.value("jethook_dispatcher_endpoint_allowed_requests_per_second") == 3
    metrics.gate("shop", "crm", report=gate_report())
    found = shown(metrics)
    assert found.values("jethook_dispatcher_endpoint_limited") == []
    assert found.values("jethook_dispatcher_endpoint_allowed_requests_per_second") == []


def test_an_endpoint_goes_with_its_last_part() -> None:
    metrics = EndpointMetrics(max_endpoints=5)
    for subscription in ("one", "two"):
        metrics.part_changed(plan_part(subscription=subscription))
    metrics.attempted(plan_part(subscription="one"), OK, attempt=1, events=1)
    metrics.part_gone(plan_part(subscription="one"))
    assert shown(metrics).endpoints == {"crm"}
    metrics.part_gone(plan_part(subscription="two"))
    assert shown(metrics).samples() == []
    assert metrics.parts == 0


def test_beyond_the_bound_endpoints_share_one_set_of_series() -> None:
    metrics = EndpointMetrics(max_endpoints=2)
    parts = [plan_part(endpoint=f"e-{number}", subscription=f"s-{number}") for number in range(6)]
    for part in parts:
        metrics.part_changed(part)
        metrics.attempted(part, OK, attempt=1, events=1)
        metrics.dead_lettered(part, reason="AgeExceeded")
        metrics.dead_letter_refused(part)
        metrics.backlog(part, pending=1, unacknowledged=0, in_flight=1, oldest=START)
        metrics.gate(part.namespace, part.endpoint.name, report=gate_report(limited_by="Throttling", allowed=2))
    found = shown(metrics)
    assert found.endpoints == {"e-0", "e-1", OTHER}
    assert found.value(ATTEMPTS, endpoint=OTHER, namespace=OTHER) == 4
    assert found.value("jethook_dispatcher_events_dead_lettered_total", endpoint=OTHER) == 4
    assert found.value("jethook_dispatcher_dead_letters_refused_total", endpoint=OTHER) == 4
    assert found.value(BACKLOG, endpoint=OTHER, state="pending") == 4
    assert found.value("jethook_dispatcher_endpoint_circuit", endpoint=OTHER, state="closed") == 4
    assert found.value("jethook_dispatcher_endpoint_limited", endpoint=OTHER, limited_by="Throttling") == 4
    assert found.value("jethook_dispatcher_endpoint_allowed_requests_per_second", endpoint=OTHER) is None
    for part in parts:
        metrics.part_gone(part)
    found = shown(metrics)
    assert found.value(ATTEMPTS, endpoint=OTHER) == 4
    assert found.value(BACKLOG, endpoint=OTHER, state="pending") == 0


def test_a_place_that_becomes_free_is_taken_by_the_next_that_comes() -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    metrics.part_changed(plan_part(endpoint="one"))
    metrics.part_gone(plan_part(endpoint="one"))
    metrics.part_changed(plan_part(endpoint="two"))
    assert shown(metrics).endpoints == {"two"}


def test_an_attempt_that_outlives_its_endpoint_is_counted_among_the_rest() -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    metrics.attempted(plan_part(), OK, attempt=1, events=1)
    assert shown(metrics).value(ATTEMPTS, endpoint=OTHER) == 1
    assert metrics.parts == 0


def test_a_refused_part_is_no_part_that_is_served() -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    metrics.part_changed(plan_part())
    metrics.part_faulty(plan_part())
    assert (metrics.parts, metrics.parts_refused) == (0, 1)
    metrics.part_changed(plan_part())
    assert (metrics.parts, metrics.parts_refused) == (1, 0)


def test_faults_are_counted_by_the_reasons_of_the_answer_table_alone() -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    for reason in ("Timeout", "Timeout", "AddressDenied", "NeverHeardOf"):
        metrics.attempted(plan_part(), failure(reason, message="", duration_seconds=1), attempt=1, events=1)
    metrics.attempted(plan_part(), BUSY, attempt=1, events=1)
    assert metrics.faults == {"Timeout": 2, "AddressDenied": 1, "Other": 1}


def test_the_reasons_of_dead_letters_are_bounded() -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    metrics.part_changed(plan_part())
    for number in range(MAX_REASONS + 20):
        metrics.dead_lettered(plan_part(), reason=f"Reason{number}")
    found = shown(metrics)
    assert len(found.values("jethook_dispatcher_events_dead_lettered_total")) == MAX_REASONS + 1
    assert found.value("jethook_dispatcher_events_dead_lettered_total", reason="Other") == 20
