"""What the scale test reads from metrics and watches, and how it judges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench import scale_bounds as bounds
from bench.results import Result
from bench.scale_cluster import Watched, count_writes
from bench.scale_processes import Told, read_told

API_SERVER = """\
# TYPE apiserver_request_total counter
apiserver_request_total{code="201",component="apiserver",dry_run="",group="jethook.io",resource="subscriptions",scope="resource",subresource="",verb="POST",version="v1alpha1"} 10
apiserver_request_total{code="200",component="apiserver",dry_run="",group="jethook.io",resource="subscriptions",scope="resource",subresource="status",verb="APPLY",version="v1alpha1"} 1.2e+03
apiserver_request_total{code="200",component="apiserver",dry_run="All",group="jethook.io",resource="subscriptions",scope="resource",subresource="status",verb="APPLY",version="v1alpha1"} 7
apiserver_request_total{code="200",component="apiserver",dry_run="",group="jethook.io",resource="subscriptions",scope="cluster",subresource="",verb="LIST",version="v1alpha1"} 5
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="events",scope="resource",subresource="",verb="APPLY",version="v1"} 3
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="serviceaccounts",scope="resource",subresource="token",verb="POST",version="v1"} 2
apiserver_request_total{code="200",component="apiserver",dry_run="",group="coordination.k8s.io",resource="leases",scope="resource",subresource="",verb="PUT",version="v1"} 90
"""  # noqa: E501 -- as the server writes it
OPERATOR = """\
jethook_operator_objects{kind="Subscription"} 1000.0
jethook_operator_objects{kind="WebhookEndpoint"} 100.0
jethook_operator_reconciles_total{kind="Subscription",result="done"} 1200.0
jethook_operator_reconciles_total{kind="WebhookEndpoint",result="done"} 100.0
jethook_operator_workqueue_depth 2.0
jethook_operator_workqueue_retrying 1.0
jethook_operator_jetstream_requests_total{operation="CONSUMER.LIST",result="ok"} 9.0
jethook_operator_jetstream_requests_total{operation="STREAM.CREATE",result="ok"} 4.0
jethook_operator_jetstream_requests_total{operation="CONSUMER.UPDATE",result="error"} 1.0
jethook_operator_workqueue_oldest_age_seconds 1.5e-05
"""
STORM = bounds.Storm(writes=[0.1 * number for number in range(100)], seconds=10, endpoints=5, requests=5, events=1)


def test_writes_are_what_is_asked_for_and_no_dry_run_by_nobody_but_the_server_itself() -> None:
    assert count_writes(API_SERVER) == 1213
    assert count_writes(API_SERVER, resource="events") == 3


def test_an_operator_tells_what_it_has_and_what_is_left_to_do() -> None:
    assert read_told(OPERATOR) == Told(subscriptions=1000, busy=3, reconciles=1300, jetstream_writes=5)


def event(*, kind: str = "MODIFIED", status: str = "True", observed: int = 2) -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "observedGeneration": observed}
    metadata = {"namespace": "scale-0", "name": "a", "generation": 2}
    return {"type": kind, "object": {"metadata": metadata, "status": {"conditions": [ready]}}}


def test_an_object_is_ready_only_in_its_present_version() -> None:
    watched = Watched()
    for seen, ready in (
        (event(kind="ADDED", status="Unknown"), 0),
        (event(observed=1), 0),
        (event(), 1),
        (event(status="False"), 0),
    ):
        watched.take(seen)
        assert len(watched.ready) == ready
    assert len(watched.changes) == 3


def test_an_object_that_goes_ends_the_run() -> None:
    with pytest.raises(RuntimeError, match="DELETED"):
        Watched().take(event(kind="DELETED"))


@pytest.mark.parametrize(
    ("result", "ok"),
    [
        (bounds.ready(endpoints=1, subscriptions=1, applied_seconds=1, seconds=30.0, writes=2), True),
        (bounds.ready(endpoints=1, subscriptions=1, applied_seconds=1, seconds=30.1, writes=2), False),
        (bounds.many(subscriptions=9, applied_seconds=1, seconds=300.0, cpu_seconds=1), True),
        (bounds.many(subscriptions=9, applied_seconds=1, seconds=300.1, cpu_seconds=1), False),
        (bounds.rest(seconds=20, writes=0, cpu_seconds=1), True),
        (bounds.rest(seconds=20, writes=1, cpu_seconds=1), False),
        (bounds.restart(subscriptions=9, seconds=30, writes=0, jetstream_writes=0, cpu_seconds=1), True),
        (bounds.restart(subscriptions=9, seconds=31, writes=0, jetstream_writes=0, cpu_seconds=1), False),
        (bounds.restart(subscriptions=9, seconds=30, writes=1, jetstream_writes=0, cpu_seconds=1), False),
        (bounds.restart(subscriptions=9, seconds=30, writes=0, jetstream_writes=1, cpu_seconds=1), False),
        (bounds.memory(subscriptions=1024, empty_mebibytes=100, full_mebibytes=100 + bounds.KIBIBYTES), True),
        (bounds.memory(subscriptions=1024, empty_mebibytes=100, full_mebibytes=101 + bounds.KIBIBYTES), False),
        (bounds.storm(STORM), True),
        (bounds.storm(replace(STORM, requests=4)), False),
        (bounds.storm(replace(STORM, writes=[])), False),
        (bounds.storm(replace(STORM, writes=[5.0] * (bounds.BURST + bounds.JITTER_WRITES + 1))), False),
    ],
)
def test_each_bound_is_kept_or_missed(result: Result, *, ok: bool) -> None:
    assert result.ok is ok
