"""The keys under which dispatchers keep records name their objects."""

import pytest

from jethook_contract.gate import gate_key
from jethook_contract.status import status_key
from jethook_operator.core.records import RecordPlace, retries_record, status_record
from jethook_operator.core.resources import Key, Kind


@pytest.mark.parametrize("kind", ["WebhookEndpoint", "Subscription"])
def test_a_status_key_names_its_object(kind: Kind) -> None:
    key = status_key(kind, "shop", "orders")
    assert status_record("b", key) == RecordPlace(bucket="b", key=key, of=Key(kind, "shop", "orders"))


def test_a_retries_key_names_its_subscription() -> None:
    found = retries_record("b", "shop.all")
    assert found == RecordPlace(bucket="b", key="shop.all", of=Key("Subscription", "shop", "all"))


@pytest.mark.parametrize("name", ["orders", "gate"])
def test_a_gate_key_names_its_endpoint_and_no_subscription(name: str) -> None:
    key = gate_key("shop", name)
    assert retries_record("b", key) == RecordPlace(bucket="b", key=key, of=Key("WebhookEndpoint", "shop", name))


def test_a_subscription_may_be_called_gate() -> None:
    found = retries_record("b", "shop.gate")
    assert found is not None
    assert found.of == Key("Subscription", "shop", "gate")


@pytest.mark.parametrize(
    "key", ["", "shop", "shop.", ".all", "a.b.c", "pool", "shop..gate", ".orders.gate", "shop.a.b.gate"]
)
def test_what_is_no_key_of_attempt_counts_is_nobodys(key: str) -> None:
    assert retries_record("b", key) is None


@pytest.mark.parametrize(
    "key", ["", "shop.all", "endpoint.shop", "endpoint.shop.a.b", "secret.shop.all", "endpoint.shop.a.gate"]
)
def test_what_is_no_key_of_a_report_is_nobodys(key: str) -> None:
    assert status_record("b", key) is None
