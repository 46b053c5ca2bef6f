"""What is written by hand is what prometheus-client would have written, in pieces that are short."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import HistogramMetricFamily, Metric

from jethook_contract.metric_families import OTHER
from jethook_dispatcher.core.endpoint_exposition import SLICE_ENDPOINTS, exposition
from jethook_dispatcher.core.endpoint_figures import BUCKETS
from jethook_dispatcher.core.endpoint_metrics import EndpointMetrics
from jethook_dispatcher.core.metric_families import ENDPOINT_FAMILIES
from jethook_dispatcher.core.outcome import Outcome
from tests.dispatcher.status.conftest import OK, START, plan_part
from tests.fixtures.scraping import Scrape

DURATION = "jethook_dispatcher_attempt_duration_seconds"
outcomes = st.builds(
    Outcome,
    kind=st.sampled_from(["Delivered", "Retry", "Abort", "Disable"]),
    status_code=st.integers(0, 999),
    duration_seconds=st.floats(0, 200),
)
runs = st.lists(st.tuples(st.integers(0, 4), outcomes, st.integers(1, 5), st.integers(1, 9)), max_size=60)


def scraped(metrics: EndpointMetrics) -> Scrape:
    return Scrape("".join(exposition(metrics, now=START)))


@given(runs)
def test_attempts_and_durations_tell_of_the_same_attempts(run: list[tuple[int, Outcome, int, int]]) -> None:
    metrics = EndpointMetrics(max_endpoints=3)
    for number in range(5):
        metrics.part_changed(plan_part(endpoint=f"e-{number}"))
    for number, outcome, attempt, events in run:
        metrics.attempted(plan_part(endpoint=f"e-{number}"), outcome, attempt=attempt, events=events)
    found = scraped(metrics)
    assert sum(found.values("jethook_dispatcher_attempts_total")) == len(run)
    assert sum(found.values(f"{DURATION}_count")) == len(run)
    for endpoint in found.endpoints:
        attempts = sum(found.values("jethook_dispatcher_attempts_total", endpoint=endpoint))
        assert found.value(f"{DURATION}_count", endpoint=endpoint) == attempts
        upwards = found.values(f"{DURATION}_bucket", endpoint=endpoint)
        assert upwards == sorted(upwards)
    events = sum(events for _, outcome, _, events in run if outcome.kind == "Delivered")
    assert sum(found.values("jethook_dispatcher_events_delivered_total")) == events


@given(st.lists(st.floats(0, 200), max_size=30))
def test_a_histogram_is_written_as_the_library_writes_it(durations: list[float]) -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    metrics.part_changed(plan_part())
    for seconds in durations:
        outcome = Outcome(kind="Delivered", status_code=200, duration_seconds=seconds)
        metrics.attempted(plan_part(), outcome, attempt=1, events=1)
    buckets = [(str(bound), sum(one <= bound for one in durations)) for bound in BUCKETS]
    expected = HistogramMetricFamily(DURATION, "x", labels=["namespace", "endpoint"])
    expected.add_metric(["shop", "crm"], [*buckets, ("+Inf", len(durations))], sum(durations))
    assert _comparable(scraped(metrics).families[DURATION]) == _comparable(expected)


def test_labels_are_escaped() -> None:
    metrics = EndpointMetrics(max_endpoints=1)
    odd = plan_part(endpoint='a"b\\c\nd')
    metrics.part_changed(odd)
    metrics.attempted(odd, OK, attempt=1, events=1)
    metrics.dead_lettered(odd, reason='x"y')
    found = scraped(metrics)
    assert found.endpoints == {'a"b\\c\nd'}
    assert found.value("jethook_dispatcher_events_dead_lettered_total", reason='x"y') == 1


def test_every_family_is_written_once_with_its_help_and_type() -> None:
    found = scraped(EndpointMetrics(max_endpoints=1))
    written = {name: (family.type, family.documentation) for name, family in found.families.items()}
    assert written == {family.name: (family.kind, family.help) for family in ENDPOINT_FAMILIES}


def test_no_piece_holds_more_than_a_slice_of_endpoints() -> None:
    metrics = EndpointMetrics(max_endpoints=100)
    for number in range(150):
        metrics.part_changed(plan_part(endpoint=f"e-{number}"))
    pieces = list(exposition(metrics, now=START))
    most = max(len(set(re.findall(r'endpoint="([^"]+)"', piece))) for piece in pieces)
    assert most == SLICE_ENDPOINTS
    assert Scrape("".join(pieces)).endpoints == {f"e-{number}" for number in range(100)} | {OTHER}


def _comparable(metric: Metric) -> dict[tuple[str, str], float]:
    return {(one.name, one.labels.get("le", "")): one.value for one in metric.samples}
