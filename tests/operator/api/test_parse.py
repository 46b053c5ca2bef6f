"""What `parse` gives, and what it says of what it refuses."""

import datetime as dt
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.errors import Invalid
from jethook_contract.subjects import covers, filter_subject
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.api.headers import Header
from jethook_operator.api.meta import SecretReference
from jethook_operator.api.parse import parse
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import Retry, WebhookEndpoint, WebhookEndpointSpec

URL = "https://hooks.example.com/orders"
SECRET_VALUE = "bearer-of-a-secret"


def endpoint(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "orders", "namespace": "shop"}
    return {
        "apiVersion": "jethook.io/v1alpha1",
        "kind": "WebhookEndpoint",
        "metadata": metadata,
        "spec": {"url": URL, **spec},
    }


def subscription(*event_types: Any) -> dict[str, Any]:
    spec = {"endpointRef": {"name": "orders"}, "eventTypes": list(event_types)}
    return {"apiVersion": "jethook.io/v1alpha1", "kind": "Subscription", "metadata": {"name": "one"}, "spec": spec}


def refusal(raw: dict[str, Any]) -> str:
    with pytest.raises(Invalid) as caught:
        parse(raw)
    assert caught.value.reason == "InvalidSpec"
    return caught.value.message


def test_each_kind_becomes_its_model() -> None:
    pool = {"apiVersion": "jethook.io/v1alpha1", "kind": "DispatcherPool", "metadata": {"name": "default"}}
    assert isinstance(parse(endpoint()), WebhookEndpoint)
    assert isinstance(parse(subscription("a")), Subscription)
    assert isinstance(parse(pool), DispatcherPool)


def test_defaults_are_those_of_the_design() -> None:
    parsed = parse(endpoint())
    assert isinstance(parsed, WebhookEndpoint)
    assert parsed.spec.timeout_seconds == 15
    assert parsed.spec.limits.max_in_flight == 20
    assert parsed.spec.pool_ref.name == "default"
    assert parsed.spec.retry == Retry(
        max_attempts=12,
        initial_delay_seconds=5,
        factor=3,
        max_delay_seconds=21600,
        jitter_percent=20,
        max_age_seconds=172800,
    )


def test_metadata_keeps_what_the_operator_needs_and_ignores_the_rest() -> None:
    raw = endpoint()
    raw["metadata"] |= {
        "uid": "u-1",
        "generation": 7,
        "resourceVersion": "42",
        "labels": {"team": "shop"},
        "creationTimestamp": "2026-11-24T06:00:00Z",
        "deletionTimestamp": None,
        "managedFields": [{"manager": "kubectl"}],
    }
    metadata = parse(raw).metadata
    assert (metadata.uid, metadata.generation, metadata.resource_version) == ("u-1", 7, "42")
    assert metadata.labels == {"team": "shop"}
    assert metadata.creation_timestamp == dt.datetime(2026, 11, 24, 6, tzinfo=dt.UTC)


def test_an_object_without_namespace_lies_in_default() -> None:
    assert parse(subscription("a")).metadata.namespace == "default"


@pytest.mark.parametrize(
    "status",
    [
        {"observedGeneration": 3, "later": {"field": 1}},
        {"observedGeneration": 3, "delivery": {"state": "Healthy", "later": 1}},
    ],
)
def test_unknown_status_fields_are_ignored(status: dict[str, Any]) -> None:
    parsed = parse({**endpoint(), "status": status})
    assert parsed.status is not None
    assert parsed.status.observed_generation == 3


@pytest.mark.parametrize("status", ["text", {"delivery": {"state": "OfALaterVersion"}}, {"conditions": [{}]}])
def test_an_unreadable_status_never_makes_an_object_unreadable(status: Any) -> None:
    assert parse({**endpoint(), "status": status}).status is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "kind: it is none of Jethook's; write one of WebhookEndpoint, Subscription, DispatcherPool"),
        ({"kind": ["a"]}, "kind: it is none of Jethook's; write one of WebhookEndpoint, Subscription, DispatcherPool"),
        (
            {"kind": "Subscription", "apiVersion": "jethook.io/v2"},
            "apiVersion: it is not the one of this Subscription; write jethook.io/v1alpha1",
        ),
        ({**endpoint(), "metadata": None}, "metadata: it is required; add it"),
        ({**endpoint(), "metadata": {}}, "metadata.name: it is required; add it"),
        ({**endpoint(), "spec": []}, "spec: it must be a mapping"),
        ({**endpoint(), "extra": 1}, "extra: unknown field; known here: apiVersion, metadata, kind, spec, status"),
        (endpoint(headers=[{1: 2}]), "spec.headers[0].1: unknown field; known here: name, value, valueFrom"),
        (endpoint(timeoutSeconds=float("nan")), "the object cannot be written as JSON: Out of range float values"),
        (endpoint(headers={"a"}), "the object cannot be written as JSON: set is no JSON type; use plain values"),
        (endpoint(signing=[{}]), "spec.signing[0].scheme: it is required; add it"),
        (endpoint(headers={}), "spec.headers: it must be a list"),
        (endpoint(headers=[{"nme": "a"}]), "spec.headers[0].nme: unknown field; did you mean name?"),
        (endpoint(retry={"maxAttempts": 1.5}), "spec.retry.maxAttempts: it must be an integer"),
        (endpoint(retry={"factor": 2**70}), "spec.retry.factor: 1180591620717411303424 is too large"),
        (endpoint(url="https://a/\ud800"), "surrogates not allowed"),
        (subscription(1), "spec.eventTypes[0]: it must be a string (put it in quotes)"),
    ],
)
def test_a_refusal_names_path_fault_and_cure(raw: dict[str, Any], message: str) -> None:
    assert message in refusal(raw)


def test_all_faults_are_named_up_to_five() -> None:
    message = refusal(endpoint(**{f"unknown{n}": n for n in range(7)}))
    assert message.count("unknown field") == 5
    assert message.endswith("; and 2 more")


def test_a_refusal_stays_short_whatever_is_refused() -> None:
    long = "x" * 10_000
    assert (
        len(refusal(endpoint(**{long: long, "suspend": long, "retry": {long: 1}, "signing": [{"scheme": long}]})))
        < 1000
    )


@pytest.mark.parametrize(
    "header",
    [
        {"name": "Authorization", "value": SECRET_VALUE + "\n"},
        {"name": "Authorization", "value": [SECRET_VALUE]},
        {"name": "Authorization", "value": SECRET_VALUE, "valueFrom": {"secretKeyRef": SECRET_VALUE}},
        {"name": "Authorization", "value": SECRET_VALUE * 4096},
    ],
)
def test_no_refusal_repeats_the_value_of_a_header(header: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        parse(endpoint(headers=[header]))
    assert SECRET_VALUE not in "".join(traceback.format_exception(caught.value))


def test_a_password_in_a_url_is_not_repeated() -> None:
    assert "hunter2" not in refusal(endpoint(url="https://me:hunter2@hooks.example.com/"))


def test_an_unknown_field_without_a_value_is_refused_too() -> None:
    assert "spec.suspnd: unknown field; did you mean suspend?" in refusal(endpoint(suspnd=None))


def test_models_are_frozen_and_written_by_python_name() -> None:
    spec = WebhookEndpointSpec(url=URL, timeout_seconds=3)
    assert spec.model_dump(by_alias=True)["timeoutSeconds"] == 3
    with pytest.raises(ValueError, match="frozen"):
        spec.timeout_seconds = 4  # type: ignore[misc]  # that it cannot be set is what is tested


def test_rules_hold_for_models_made_in_python_too() -> None:
    with pytest.raises(ValueError, match="exactly one of value and valueFrom"):
        Header(name="X-Team", value=None, value_from=None)
    with pytest.raises(ValueError, match="must be the name of a Secret"):
        SecretReference(name="a/b")


@given(st.text(alphabet="ab.* é>%", max_size=12))
def test_what_is_accepted_as_an_event_type_becomes_a_filter(pattern: str) -> None:
    try:
        parse(subscription(pattern))
    except Invalid:
        return
    narrow = filter_subject("shop", pattern)
    assert covers("jethook.events.shop.>", narrow)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_a_value_of_any_type_is_read_or_refused_in_words(value: Any) -> None:
    for field in (*(str(one.alias) for one in WebhookEndpointSpec.model_fields.values()), "other"):
        if field == "targets":
            continue  # beside the url it is one too many, whatever it holds
        try:
            parse(endpoint(**{field: value}))
        except Invalid as exc:
            refused = exc.message
            assert refused.startswith((f"spec.{field}", "spec: must have exactly one of url", "the object cannot"))
