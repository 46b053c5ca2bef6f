"""What is remembered of deliveries between two looks."""

from __future__ import annotations

import time
from typing import Any

from jethook_operator.core.resources import Key
from jethook_operator.shell.delivery_watch import DeliveryWatch
from tests.fakes.surroundings import RecordingEvents, endpoint_key, subscription_key

OBJECTS = 10_000
LOOK_MICROSECONDS = 200.0  # some 3 are measured: a look must stay far below what reading the object costs


def status(state: str, **condition: str) -> dict[str, Any]:
    return {"delivery": {"state": state}, "conditions": [{"type": "Delivering", **condition}]}


class Bench:
    def __init__(self) -> None:
        self.events = RecordingEvents()
        self.watch = DeliveryWatch(self.events)

    def see(self, *states: str, key: Key | None = None, uid: str = "u") -> list[str]:
        key = key or endpoint_key()
        for state in states:
            self.watch.seen(key, uid=uid, status=status(state))
        return self.events.reasons(key)


def test_a_turn_is_recorded_once() -> None:
    assert Bench().see("Healthy", "CircuitOpen", "CircuitOpen", "Healthy") == ["CircuitOpened", "CircuitClosed"]


def test_the_first_sight_records_nothing() -> None:
    assert Bench().see("CircuitOpen", "CircuitOpen") == []


def test_an_object_that_had_no_report_yet_is_known_to_have_had_no_trouble() -> None:
    bench = Bench()
    bench.watch.seen(endpoint_key(), uid="u", status={})
    assert bench.see("Disabled") == ["Disabled"]


def test_a_namesake_with_another_uid_is_seen_for_the_first_time() -> None:
    bench = Bench()
    bench.see("Healthy")
    assert bench.see("CircuitOpen", uid="another") == []
    assert bench.see("Healthy", uid="another") == ["CircuitClosed"]


def test_a_report_that_this_version_does_not_know_changes_nothing() -> None:
    assert Bench().see("CircuitOpen", "SomethingNew", "CircuitOpen", "Healthy") == ["CircuitClosed"]


def test_only_what_exists_is_remembered_and_pools_never() -> None:
    bench = Bench()
    bench.see("Healthy")
    bench.see("Healthy", key=subscription_key())
    bench.see("Healthy", key=Key("DispatcherPool", "jethook-system", "default"))
    assert len(bench.watch) == 2
    bench.watch.forget(subscription_key())
    bench.watch.forget(subscription_key())
    assert len(bench.watch) == 1
    assert bench.see("CircuitOpen", key=subscription_key()) == []


def test_a_look_at_each_of_ten_thousand_objects_costs_next_to_nothing() -> None:
    bench = Bench()
    keys = [endpoint_key(f"e-{number}") for number in range(OBJECTS)]
    began = time.process_time()
    for state in ("Healthy", "Healthy", "CircuitOpen"):
        for key in keys:
            bench.watch.seen(key, uid="u", status=status(state))
    microseconds = (time.process_time() - began) / (3 * OBJECTS) * 1e6
    assert microseconds < LOOK_MICROSECONDS
    assert len(bench.events.recorded) == OBJECTS
