"""Lists and watches in any order lead to the same objects."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_operator.core.resources import Key, Kind, ResourceReader
from jethook_operator.shell.delivery_watch import DeliveryWatch
from jethook_operator.shell.kube_kinds import COLLECTIONS
from jethook_operator.shell.kube_source import KubeSource
from jethook_operator.shell.provider import Intake
from jethook_operator.shell.store import ResourceStore
from tests.fakes.surroundings import RecordingEvents, endpoint, endpoint_key

KIND: Kind = "DispatcherPool"
NAMESPACE = "jethook-system"


def pool(name: str = "p", *, version: int, uid: str = "u", namespace: str = NAMESPACE) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": namespace,
        "resourceVersion": str(version),
        "uid": uid,
        "generation": version,
    }
    return {"apiVersion": "jethook.io/v1alpha1", "kind": KIND, "metadata": metadata, "spec": {}}


def itself(changed: Key, *, reader: ResourceReader) -> tuple[Key, ...]:
    return (changed,)


class Bench:
    """A source over a real store."""

    def __init__(self) -> None:
        self.store = ResourceStore(operator_namespace=NAMESPACE)
        self.told: list[Key] = []
        self.events = RecordingEvents()
        intake = Intake(self.store, affected=itself, notify=self.told.append)
        self.deliveries = DeliveryWatch(self.events)
        self.source = KubeSource(intake, operator_namespace=NAMESPACE, deliveries=self.deliveries)

    def versions(self) -> dict[str, str]:
        keys = self.store.keys(KIND)
        return {key.name: (self.store.raw(key) or {})["metadata"]["resourceVersion"] for key in keys}


def test_an_older_version_never_overwrites_a_newer() -> None:
    bench = Bench()
    bench.source.seen(KIND, pool(version=7))
    bench.source.seen(KIND, pool(version=5))
    assert bench.versions() == {"p": "7"}


def test_a_late_deletion_leaves_the_namesake_that_was_made_after() -> None:
    bench = Bench()
    bench.source.seen(KIND, pool(version=3, uid="old"))
    bench.source.seen(KIND, pool(version=9, uid="new"))
    bench.source.gone(KIND, pool(version=5, uid="old"))
    assert bench.versions() == {"p": "9"}


def test_a_list_made_before_a_deletion_brings_nothing_back() -> None:
    bench = Bench()
    bench.source.seen(KIND, pool(version=3))
    bench.source.gone(KIND, pool(version=5))
    bench.source.listed(KIND, [pool(version=3)], version="4")
    assert bench.versions() == {}


def test_a_list_removes_what_it_does_not_hold_unless_that_is_newer() -> None:
    bench = Bench()
    bench.source.seen(KIND, pool("gone", version=3))
    bench.source.seen(KIND, pool("new", version=30))
    bench.source.listed(KIND, [pool("kept", version=2)], version="20")
    assert bench.versions() == {"kept": "2", "new": "30"}


def test_a_kind_is_synced_by_its_list_and_by_no_event() -> None:
    bench = Bench()
    bench.source.seen(KIND, pool(version=1))
    assert not bench.store.synced
    for kind in COLLECTIONS:
        bench.source.listed(kind, [], version="5")
    assert bench.store.synced


def test_an_object_that_is_seen_again_is_no_news() -> None:
    bench = Bench()
    bench.source.seen(KIND, pool(version=3))
    bench.source.seen(KIND, pool(version=3))
    bench.source.listed(KIND, [pool(version=3)], version="8")
    assert len(bench.told) == 1


def test_a_restored_server_with_lower_versions_is_believed() -> None:
    bench = Bench()
    bench.source.listed(KIND, [pool(version=900)], version="1000")
    bench.source.listed(KIND, [pool(version=40)], version="50")
    assert bench.versions() == {"p": "40"}


def test_a_pool_of_another_namespace_does_not_count() -> None:
    bench = Bench()
    bench.source.listed(KIND, [pool(version=3, namespace="tenant")], version="5")
    assert bench.versions() == {}


def test_the_uid_of_a_namespace_is_asked_for_again_after_a_removal() -> None:
    bench = Bench()
    bench.store.set_namespace_uid(NAMESPACE, "before")
    bench.source.seen(KIND, pool(version=3))
    assert bench.store.knows_namespace(NAMESPACE)
    bench.source.gone(KIND, pool(version=4))
    assert not bench.store.knows_namespace(NAMESPACE)


def test_the_uid_of_a_namespace_is_asked_for_again_when_a_namesake_comes() -> None:
    bench = Bench()
    bench.source.seen(KIND, pool(version=3, uid="old"))
    bench.store.set_namespace_uid(NAMESPACE, "before")
    bench.source.seen(KIND, pool(version=4, uid="old"))
    assert bench.store.knows_namespace(NAMESPACE)
    bench.source.seen(KIND, pool(version=5, uid="new"))
    assert not bench.store.knows_namespace(NAMESPACE)


def crm(version: int, *, state: str, uid: str = "u", generation: int = 1) -> dict[str, Any]:
    shown = endpoint()
    shown["metadata"] |= {"resourceVersion": str(version), "uid": uid, "generation": generation}
    return {**shown, "status": {"delivery": {"state": state}}}


def test_a_status_alone_asks_for_no_reconcile_and_a_turn_in_it_is_told_by_an_event() -> None:
    bench = Bench()
    bench.source.listed("WebhookEndpoint", [crm(1, state="Healthy")], version="2")
    bench.source.seen("WebhookEndpoint", crm(3, state="CircuitOpen"))
    bench.source.seen("WebhookEndpoint", crm(2, state="Healthy"))  # late, and out of date
    bench.source.listed("WebhookEndpoint", [crm(4, state="Healthy")], version="5")
    assert bench.told == [endpoint_key()]
    assert bench.events.reasons(endpoint_key()) == ["CircuitOpened", "CircuitClosed"]
    bench.source.seen("WebhookEndpoint", crm(6, state="Healthy", generation=2))
    assert bench.told == [endpoint_key()] * 2


def test_a_list_at_the_start_tells_of_nothing_and_a_removed_object_is_forgotten() -> None:
    bench = Bench()
    bench.source.listed("WebhookEndpoint", [crm(1, state="Disabled")], version="2")
    assert bench.events.recorded == []
    assert len(bench.deliveries) == 1
    bench.source.gone("WebhookEndpoint", crm(3, state="Disabled"))
    assert len(bench.deliveries) == 0


HISTORY = [("seen", 1), ("seen", 2), ("gone", 3), ("seen", 4), ("seen", 5), ("gone", 6), ("seen", 7)]


@given(st.integers(1, len(HISTORY)), st.data())
def test_events_in_any_order_lead_to_the_end_of_the_history(length: int, data: st.DataObject) -> None:
    bench = Bench()
    for what, version in data.draw(st.permutations(HISTORY[:length])):
        getattr(bench.source, what)(KIND, pool(version=version))
    last, version = HISTORY[length - 1]
    assert bench.versions() == ({"p": str(version)} if last == "seen" else {})


@pytest.mark.parametrize("label", [None, {}, {"jethook.io/use": "false"}, {"other": "true"}])
async def test_the_data_of_a_secret_without_the_label_stays_outside(label: dict[str, str] | None) -> None:
    bench = Bench()
    metadata = {"name": "s", "namespace": "ns", "resourceVersion": "1", "labels": label}
    bench.source.seen("Secret", {"metadata": metadata, "data": {"current": "aHVzaA=="}})
    found = await bench.store.secret("ns", "s")
    assert found is not None
    assert not found.labelled
    assert not found.data


async def test_the_data_of_a_labelled_secret_is_decoded_and_what_is_no_text_is_left_out() -> None:
    bench = Bench()
    metadata = {"name": "s", "namespace": "ns", "resourceVersion": "1", "labels": {"jethook.io/use": "true"}}
    bench.source.seen("Secret", {"metadata": metadata, "data": {"current": "aHVzaA==", "binary": "/w=="}})
    found = await bench.store.secret("ns", "s")
    assert found is not None
    assert {name: value.get_secret_value() for name, value in found.data.items()} == {"current": "hush"}
