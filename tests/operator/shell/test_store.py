"""The store and the intake: indexes, broken objects, and which keys a change touches."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from jethook_contract.errors import Unavailable
from jethook_operator.core.affected import affected
from jethook_operator.core.resources import Broken, Key, SecretValue
from jethook_operator.shell.provider import Intake
from jethook_operator.shell.store import KINDS, ResourceStore

Json = dict[str, Any]


def endpoint(name: str = "e", *, signing: str = "s", header: str = "h", **metadata: Any) -> Json:
    return {
        "apiVersion": "jethook.io/v1alpha1",
        "kind": "WebhookEndpoint",
        "metadata": {"namespace": "ns", "name": name, "generation": 1, **metadata},
        "spec": {
            "url": "https://a.example/x",
            "signing": [{"scheme": "StandardWebhooks", "secretRef": {"name": signing}}],
            "headers": [{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": header, "key": "k"}}}],
        },
    }


def subscription(name: str = "u", *, to: str = "e", generation: int = 1) -> Json:
    return {
        "apiVersion": "jethook.io/v1alpha1",
        "kind": "Subscription",
        "metadata": {"namespace": "ns", "name": name, "generation": generation},
        "spec": {"endpointRef": {"name": to}, "eventTypes": ["a.b"]},
    }


def secret(name: str = "s", value: str = "v") -> SecretValue:
    return SecretValue("ns", name, labelled=True, data={"current": SecretStr(value)})


def names(found: Any) -> list[str]:
    return sorted(one.metadata.name for one in found)


def store() -> ResourceStore:
    return ResourceStore(operator_namespace="jethook-system")


def intake() -> tuple[Intake, list[str]]:
    told: list[str] = []
    return Intake(store(), affected=affected, notify=lambda key: told.append(f"{key.kind}/{key.name}")), told


def test_subscriptions_are_found_by_endpoint_though_it_comes_later() -> None:
    held = store()
    for raw in (subscription("u1"), subscription("u2"), subscription("other", to="x")):
        held.put(raw)
    assert names(held.subscriptions_of("ns", "e")) == ["u1", "u2"]
    assert list(held.subscriptions_of("elsewhere", "e")) == []


def test_a_subscription_that_moves_leaves_its_old_endpoint() -> None:
    held = store()
    held.put(subscription(to="e"))
    held.put(subscription(to="x", generation=2))
    assert names(held.subscriptions_of("ns", "e")) == []
    assert names(held.subscriptions_of("ns", "x")) == ["u"]


def test_endpoints_are_found_by_signing_secret_and_by_header_secret() -> None:
    held = store()
    held.put(endpoint("e1", signing="s", header="h"))
    held.put(endpoint("e2", signing="z", header="s"))
    assert names(held.endpoints_using("ns", "s")) == ["e1", "e2"]
    assert names(held.endpoints_using("ns", "h")) == ["e1"]


def test_a_removed_object_is_in_no_index() -> None:
    held = store()
    held.put(endpoint())
    held.put(subscription())
    for key in (Key("WebhookEndpoint", "ns", "e"), Key("Subscription", "ns", "u")):
        assert held.remove(key)
        assert not held.remove(key)
        assert held.raw(key) is None
        assert key not in held.keys(key.kind)
    assert not names(held.endpoints_using("ns", "s"))
    assert not names(held.subscriptions_of("ns", "e"))


def test_what_cannot_be_parsed_is_broken_and_says_which_field() -> None:
    held = store()
    raw = endpoint(uid="u1")
    raw["spec"]["url"] = "no url"
    held.put(raw)
    found = held.endpoint("ns", "e")
    assert isinstance(found, Broken)
    assert (found.uid, found.generation) == ("u1", 1)
    assert "spec.url" in found.message
    assert not names(held.endpoints_using("ns", "s"))


def test_an_object_that_breaks_leaves_the_indexes_and_comes_back_repaired() -> None:
    held = store()
    held.put(endpoint())
    broken = endpoint(generation=2)
    broken["spec"]["surprise"] = 1
    held.put(broken)
    assert not names(held.endpoints_using("ns", "s"))
    held.put(endpoint(generation=3))
    assert names(held.endpoints_using("ns", "s")) == ["e"]


@pytest.mark.parametrize(
    ("change", "significant"),
    [
        ({}, False),
        ({"resourceVersion": "9"}, False),
        ({"generation": 2}, True),
        ({"uid": "another"}, True),
        ({"annotations": {"jethook.io/resume": "now"}}, True),
        ({"labels": {"a": "b"}}, True),
    ],
)
def test_only_what_a_reconcile_can_see_counts_as_a_change(change: Json, *, significant: bool) -> None:
    held = store()
    assert held.put(endpoint(resourceVersion="1", uid="one"))
    assert held.put(endpoint(**{"resourceVersion": "1", "uid": "one", **change})) is significant


def test_a_status_alone_is_stored_but_is_no_change() -> None:
    held = store()
    held.put(endpoint())
    assert not held.put({**endpoint(), "status": {"observedGeneration": 1}})
    raw = held.raw(Key("WebhookEndpoint", "ns", "e"))
    assert raw is not None
    assert raw["status"] == {"observedGeneration": 1}


def test_synced_needs_every_kind() -> None:
    held = store()
    for kind in KINDS:
        assert not held.synced
        held.mark_synced(kind)
    assert held.synced


async def test_a_secret_that_is_not_shown_is_looked_up_and_its_trouble_goes_through() -> None:
    async def lookup(namespace: str, name: str) -> SecretValue | None:
        if name == "away":
            raise Unavailable("APIServerUnreachable", "no answer")
        return SecretValue(namespace, name, labelled=False) if name == "unlabelled" else None

    held = ResourceStore(operator_namespace="jethook-system", lookup=lookup)
    held.put_secret(secret("shown"))
    assert (await held.secret("ns", "shown")) == secret("shown")
    assert await held.secret("ns", "missing") is None
    found = await held.secret("ns", "unlabelled")
    assert found is not None
    assert not found.labelled
    with pytest.raises(Unavailable):
        await held.secret("ns", "away")


def test_a_secret_touches_its_endpoints_and_their_subscriptions() -> None:
    taken, told = intake()
    taken.put(endpoint())
    taken.put(subscription())
    told.clear()
    taken.put_secret(secret())
    assert told == ["Subscription/u", "WebhookEndpoint/e"]
    told.clear()
    taken.put_secret(secret())
    assert told == []
    taken.put_secret(secret(value="rotated"))
    assert told == ["Subscription/u", "WebhookEndpoint/e"]


def test_an_endpoint_that_goes_touches_its_subscriptions() -> None:
    taken, told = intake()
    taken.put(endpoint())
    taken.put(subscription())
    told.clear()
    taken.remove(Key("WebhookEndpoint", "ns", "e"))
    assert told == ["Subscription/u", "WebhookEndpoint/e"]


def test_a_secret_never_shows_in_a_repr() -> None:
    assert "hush" not in repr(secret(value="hush"))
