"""What is asked of the API server about a namespace, and which answers are believed."""

from collections.abc import Callable
from typing import Any

import pytest

from jethook_contract.errors import Unavailable
from jethook_operator.core.resources import Key
from jethook_operator.shell.kube_lookup import KubeLookup
from jethook_operator.shell.store import ResourceStore
from tests.fakes.surroundings import endpoint

KEY = Key("WebhookEndpoint", "shop", "orders")


class Namespaces:
    """An API server that knows one namespace; `meanwhile` happens while a request is under way."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] | None = {"uid": "first", "annotations": {"jethook.io/events-max-bytes": "1Gi"}}
        self.meanwhile: Callable[[], None] = lambda: None
        self.asked = 0

    async def get(self, path: str, *, accept: str) -> dict[str, Any]:
        assert path == "/api/v1/namespaces/shop"
        assert "PartialObjectMetadata" in accept
        self.asked += 1
        answer = self.metadata
        self.meanwhile()
        if answer is None:
            raise Unavailable("NotFound", "there is none")
        return {"metadata": answer}


class Bench:
    """A lookup, a store with one endpoint, and a clock."""

    def __init__(self) -> None:
        self.api, self.now = Namespaces(), 0.0
        self.store = ResourceStore(operator_namespace="jethook-system", namespaces_have_uids=True)
        self.store.put(endpoint())
        self.lookup = KubeLookup(self.api, refresh_seconds=600, clock=lambda: self.now)  # type: ignore[arg-type]  # a fake

    async def look(self) -> None:
        await self.lookup.ensure_namespace_uid(self.store, KEY)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_uid_and_quota_are_asked_for_once_and_again_when_due(bench: Bench) -> None:
    for _ in range(3):
        await bench.look()
    assert (bench.store.namespace_uid("shop"), bench.store.events_quota("shop")) == ("first", "1Gi")
    assert bench.api.asked == 1
    bench.now, bench.api.metadata = 600.0, {"uid": "first"}
    await bench.look()
    assert bench.store.events_quota("shop") is None
    assert bench.api.asked == 2


async def test_nothing_is_learned_for_an_object_that_is_gone(bench: Bench) -> None:
    bench.store.remove(KEY)
    await bench.look()
    assert (bench.api.asked, bench.store.knows_namespace("shop")) == (0, False)


async def test_an_answer_that_was_overtaken_by_a_deletion_is_not_kept(bench: Bench) -> None:
    def deleted() -> None:
        bench.store.remove(KEY)
        bench.store.forget_namespace_uid("shop")

    bench.api.meanwhile = deleted
    await bench.look()
    assert not bench.store.knows_namespace("shop")
    bench.api.meanwhile, bench.api.metadata = (lambda: None), {"uid": "second"}
    bench.store.put(endpoint())
    await bench.look()
    assert bench.store.namespace_uid("shop") == "second"


async def test_a_namespace_whose_objects_come_and_go_all_the_time_is_looked_at_later(bench: Bench) -> None:
    bench.api.meanwhile = lambda: bench.store.forget_namespace_uid("shop")
    with pytest.raises(Unavailable, match="NamespaceChanges"):
        await bench.look()


async def test_a_namespace_that_is_being_deleted_is_asked_for_each_time(bench: Bench) -> None:
    bench.api.metadata = {"uid": "first", "deletionTimestamp": "2026-11-24T10:00:00Z"}
    await bench.look()
    bench.api.metadata = {"uid": "second"}
    await bench.look()
    assert bench.store.namespace_uid("shop") == "second"


async def test_a_namespace_that_cannot_be_read_is_waited_for_and_never_taken_for_one_without_uid(bench: Bench) -> None:
    bench.api.metadata = None
    await bench.look()
    with pytest.raises(Unavailable, match="NamespaceUnknown"):
        bench.store.namespace_uid("shop")
