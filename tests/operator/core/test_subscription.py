"""Decisions on a Subscription, from resources and observations alone."""

from typing import Any

import pytest
from pydantic import SecretStr

from jethook_contract.errors import Bug, Invalid, Unavailable, Waiting
from jethook_contract.plan import ObjectId, PlanPart
from jethook_contract.target import Limits, Target, TargetUrl
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.api.parse import parse
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.conditions import verdict_of
from jethook_operator.core.endpoint import EndpointInputs, decide_endpoint, shown_url
from jethook_operator.core.observations import ObservedPart, Place
from jethook_operator.core.pool import decide_pool
from jethook_operator.core.references import resolve, secret_names
from jethook_operator.core.resources import Broken, Key, SecretValue
from jethook_operator.core.subscription import SubscriptionInputs, broken_status, decide_subscription
from tests.fakes.surroundings import OTHER_SIGNING_KEY, SIGNING_KEY, document, endpoint, subscription

SIGNED = {"signing": [{"scheme": "StandardWebhooks", "secretRef": {"name": "signing"}}]}
HEADERS = {
    "headers": [
        {"name": "X-Team", "value": "shop"},
        {"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}},
    ]
}
SECRETS = {
    "signing": SecretValue("shop", "signing", True, {"current": SecretStr(SIGNING_KEY)}),
    "keys": SecretValue("shop", "keys", True, {"api": SecretStr("s3cret\n")}),
}


def an_endpoint(**spec: Any) -> WebhookEndpoint:
    parsed = parse(endpoint(**spec))
    assert isinstance(parsed, WebhookEndpoint)
    return parsed


def a_subscription(*types: str, **spec: Any) -> Subscription:
    parsed = parse(subscription("all", *types, **spec))
    assert isinstance(parsed, Subscription)
    return parsed


def a_pool(**spec: Any) -> DispatcherPool:
    parsed = parse(document("DispatcherPool", "eu", spec))
    assert isinstance(parsed, DispatcherPool)
    return parsed


def broken(kind: str = "WebhookEndpoint") -> Broken:
    return Broken(Key(kind, "shop", "orders"), "u1", 4, "spec.url: has no scheme")  # type: ignore[arg-type]  # a Kind


@pytest.mark.parametrize(
    ("inputs", "state", "reason", "pool", "ready"),
    [
        ({"endpoint": None}, "Withheld", "EndpointNotFound", "default", "False"),
        ({"endpoint": broken()}, "Withheld", "EndpointInvalid", "default", "False"),
        ({"endpoint": an_endpoint(poolRef={"name": "eu"})}, "Withheld", "PoolNotFound", "default", "False"),
        ({"endpoint": an_endpoint(poolRef={"name": "eu"}), "pool": a_pool()}, "Active", "", "eu", "True"),
        ({"endpoint": an_endpoint()}, "Active", "", "default", "True"),
        ({"endpoint": an_endpoint(suspend=True)}, "Suspended", "", "default", "True"),
        (
            {"endpoint": an_endpoint(), "subscription": a_subscription(suspend=True)},
            "Suspended",
            "",
            "default",
            "True",
        ),
        ({"endpoint": an_endpoint(suspend=True, **SIGNED)}, "Suspended", "", "default", "True"),
        ({"endpoint": an_endpoint(**SIGNED)}, "Withheld", "SecretNotFound", "default", "False"),
        (
            {"endpoint": an_endpoint(poolRef={"name": "eu"}, **SIGNED), "pool": a_pool()},
            "Withheld",
            "SecretNotFound",
            "eu",
            "False",
        ),
        ({"endpoint": an_endpoint(**SIGNED), "secrets": SECRETS}, "Active", "", "default", "True"),
    ],
)
def test_the_part_is_active_only_with_all_that_it_needs(
    inputs: dict[str, Any], state: str, reason: str, pool: str, ready: str
) -> None:
    given: dict[str, Any] = {"subscription": a_subscription(), "pool": None, "endpoint": None, "secrets": {}}
    decision = decide_subscription(SubscriptionInputs(**(given | inputs)))
    assert (decision.part.state, decision.part.reason, decision.place.pool) == (state, reason, pool)
    assert decision.place.key == "shop.orders.all"
    assert (decision.part.target is not None) is (state == "Active")
    assert bool(decision.secrets.signing) is (state == "Active" and inputs.get("secrets") is not None)
    types = {condition.type: condition.status for condition in decision.status.conditions}
    assert types == ({"Ready": "True"} if ready == "True" else {"Ready": "False", "Reconciling": "True"})


def test_a_part_carries_the_endpoint_as_it_is() -> None:
    spec = {"timeoutSeconds": 7, "limits": {"maxInFlight": 3}, "retry": {"maxAttempts": 2, "initialDelaySeconds": 1}}
    decision = decide_subscription(
        SubscriptionInputs(
            subscription=a_subscription("a.b", format="Data"),
            endpoint=an_endpoint(**spec, **HEADERS),
            pool=None,
            secrets=SECRETS,
        )
    )
    part = decision.part
    assert part.target is not None
    assert part.target == Target(
        urls=(TargetUrl(url="https://hooks.example.com/orders?token=x"),),
        timeout_seconds=7,
        limits=Limits(max_in_flight=3),
        headers=(("X-Team", "shop"),),
    )
    assert (part.format, part.retry.max_attempts, part.retry.initial_delay_seconds) == ("Data", 2, 1)
    assert part.filters == ("jethook.direct.shop.all", "jethook.events.shop.a.b")
    assert part.endpoint == ObjectId(name="orders", generation=1)
    assert [(name, value.get_secret_value()) for name, value in decision.secrets.headers] == [("X-Key", "s3cret")]
    assert "s3cret" not in part.encode().decode()


def test_parts_elsewhere_are_obsolete() -> None:
    here, elsewhere = Place(pool="default", key="shop.orders.all"), Place(pool="eu", key="shop.old.all")
    part = PlanPart(
        namespace="shop",
        endpoint=ObjectId(name="orders"),
        subscription=ObjectId(name="all"),
        state="Active",
        stream="s",
        consumer="c",
    )
    parts = (ObservedPart(place=here, part=part), ObservedPart(place=elsewhere, part=part))
    inputs = SubscriptionInputs(subscription=a_subscription(), endpoint=an_endpoint(), pool=None, parts=parts)
    assert decide_subscription(inputs).obsolete == (elsewhere,)


def test_status_tells_types_consumer_and_generation() -> None:
    inputs = SubscriptionInputs(subscription=a_subscription("a.**", "b"), endpoint=an_endpoint(), pool=None)
    status = decide_subscription(inputs).status
    assert status.fields == {"types": "a.** +1", "consumer": {"stream": "JETHOOK_EVENTS_shop", "name": "sub_all"}}
    assert status.observed_generation == 1


def test_errors_of_an_endpoint_name_it_field_and_cure() -> None:
    unlabelled = {"signing": SecretValue("shop", "signing", False)}
    inputs = SubscriptionInputs(
        subscription=a_subscription(), endpoint=an_endpoint(**SIGNED), pool=None, secrets=unlabelled
    )
    assert decide_subscription(inputs).part.message == (
        'WebhookEndpoint "orders": spec.signing[0].secretRef: Secret "signing" lacks label jethook.io/use=true'
        " (kubectl label secret signing jethook.io/use=true)"
    )


@pytest.mark.parametrize(
    ("event_type", "reason", "fault"),
    [
        (
            "com.\uffff",
            "BadEventType",
            "U+FFFF at character 0 is no character that CloudEvents allows in a String; remove it",
        ),
        ("ж" * 100, "TypeTooLong", "takes 600 characters as a NATS subject"),
    ],
)
def test_a_type_that_no_subject_can_spell_is_named_with_its_place_and_the_cure(
    event_type: str, reason: str, fault: str
) -> None:
    inputs = SubscriptionInputs(subscription=a_subscription("a.b", event_type), endpoint=an_endpoint(), pool=None)
    with pytest.raises(Invalid) as raised:
        decide_subscription(inputs)
    assert raised.value.reason == reason
    assert raised.value.message.startswith("spec.eventTypes[1]: ")
    assert fault in raised.value.message
    assert raised.value.message.rpartition("; ")[2] in {"remove it", "shorten it"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "SecretKeyMissing"),
        ({"current": ""}, "SecretKeyInvalid"),
        ({"current": "whsec_"}, "SecretKeyInvalid"),
        ({"current": "whsec_not base64"}, "SecretKeyInvalid"),
        ({"current": "ключ"}, "SecretKeyInvalid"),
        ({"current": SIGNING_KEY, "previous": "?"}, "SecretKeyInvalid"),
    ],
)
def test_a_signing_secret_is_checked_before_it_is_used(data: dict[str, str], reason: str) -> None:
    secret = SecretValue("shop", "signing", True, {key: SecretStr(value) for key, value in data.items()})
    with pytest.raises(Waiting) as raised:
        resolve(an_endpoint(**SIGNED), secrets={"signing": secret})
    assert raised.value.reason == reason
    assert not [value for value in data.values() if len(value) > len("whsec_") and value in raised.value.message]


@pytest.mark.parametrize("value", ["", "\n", "a\r\nX-Evil: 1", "a\x00b"])
def test_a_header_value_that_would_break_the_request_is_refused(value: str) -> None:
    secret = SecretValue("shop", "keys", True, {"api": SecretStr(value)})
    with pytest.raises(Waiting, match="SecretKeyInvalid"):
        resolve(an_endpoint(**HEADERS), secrets={"keys": secret})


def test_both_keys_of_a_rotation_are_used_the_current_first() -> None:
    keys = {"previous": SecretStr(OTHER_SIGNING_KEY), "current": SecretStr(SIGNING_KEY)}
    secrets = resolve(an_endpoint(**SIGNED), secrets={"signing": SecretValue("shop", "signing", True, keys)})
    assert [key.get_secret_value() for key in secrets.signing[0].keys] == [SIGNING_KEY, OTHER_SIGNING_KEY]


def test_every_secret_of_an_endpoint_is_asked_for() -> None:
    assert secret_names(an_endpoint(**SIGNED, **HEADERS)) == ("keys", "signing")


@pytest.mark.parametrize(
    ("subscriptions", "in_place", "message"),
    [
        ((), (), "accepted; no Subscription refers to it yet"),
        (("a",), ("a",), "1 subscription, consumer and plan in place"),
        (("a", "b"), ("a", "b"), "2 subscriptions, consumers and plan in place"),
        (("a", "b"), ("b", "moved-away"), "1 of 2 subscriptions in place; not yet: a"),
    ],
)
def test_an_endpoint_counts_its_subscriptions(
    subscriptions: tuple[str, ...], in_place: tuple[str, ...], message: str
) -> None:
    inputs = EndpointInputs(
        endpoint=an_endpoint(), pool=None, subscriptions=frozenset(subscriptions), in_place=frozenset(in_place)
    )
    assert decide_endpoint(inputs).status.conditions[0].message == message


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@h.example.com:8443/p?q=1#f", "https://h.example.com:8443/p"),
        ("http://h.example.com", "http://h.example.com"),
    ],
)
def test_a_shown_url_holds_no_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    ("error", "types", "requeued"),
    [
        (Invalid("X", "m"), {"Ready": "False", "Stalled": "True"}, False),
        (Waiting("X", "m"), {"Ready": "False", "Reconciling": "True"}, True),
        (Unavailable("X", "m"), {"Ready": "False", "Reconciling": "True"}, False),
    ],
)
def test_each_kind_of_error_has_its_conditions(
    error: Invalid | Waiting | Unavailable, types: dict[str, str], *, requeued: bool
) -> None:
    verdict = verdict_of(error)
    assert {one.type: one.status for one in verdict.conditions} == types
    assert {(one.reason, one.message) for one in verdict.conditions} == {("X", "m")}
    assert (verdict.requeue_seconds is not None) is requeued


def test_a_bug_is_not_written_into_a_status() -> None:
    with pytest.raises(Bug):
        verdict_of(Bug("X", "m"))


def test_a_broken_object_is_stalled_with_its_generation_observed() -> None:
    status = broken_status(broken())
    assert {one.type: one.status for one in status.conditions} == {"Ready": "False", "Stalled": "True"}
    assert (status.observed_generation, status.uid) == (4, "u1")


@pytest.mark.parametrize(("replicas", "durable"), [(1, "False"), (3, "True")])
def test_a_pool_tells_its_ranges_and_whether_streams_are_replicated(replicas: int, durable: str) -> None:
    pool = a_pool(egress={"allowedCIDRs": ["127.0.0.0/8"], "deniedCIDRs": ["8.8.8.0/24"]})
    decision = decide_pool(pool, replicas=replicas)
    assert (decision.plan.allowed_cidrs, decision.plan.denied_cidrs) == (("127.0.0.0/8",), ("8.8.8.0/24",))
    assert {one.type: one.status for one in decision.status.conditions} == {"Ready": "True", "Durable": durable}
