"""Decisions on an endpoint's status."""

from typing import Any

import pytest

from jethook_operator.core.endpoint import EndpointInputs, decide_endpoint, shown_urls
from tests.operator.core.endpoints import a_secret, an_endpoint

TLS = {"tls": {"caRef": {"name": "ca"}}}


def conditions(spec: dict[str, Any], secrets: dict[str, Any] | None = None) -> dict[str, tuple[str, str]]:
    decision = decide_endpoint(EndpointInputs(endpoint=an_endpoint(**spec), pool=None, secrets=secrets or {}))
    return {one.type: (one.status, one.reason) for one in decision.status.conditions}


def test_the_shown_url_has_no_query_and_counts_further_targets() -> None:
    decision = decide_endpoint(EndpointInputs(endpoint=an_endpoint(), pool=None))
    assert decision.status.fields == {"url": "https://hooks.example.com/orders"}
    targets = [{"url": f"https://{name}.example.com/in?token=x"} for name in "abc"]
    several = decide_endpoint(EndpointInputs(endpoint=an_endpoint(targets=targets), pool=None))
    assert several.status.fields == {"url": "https://a.example.com/in +2"}


def test_a_shown_url_holds_no_secret_and_fits_the_schema() -> None:
    longest = "https://a.example.com/" + "b" * (2048 - len("https://a.example.com/"))
    shown = shown_urls([longest, *["https://u:p@b.example.com/?t=x"] * 15])
    assert shown == f"{longest[:2044]} +15"
    assert len(shown) == 2048


@pytest.mark.parametrize(
    ("secrets", "reason"),
    [
        ({}, "SecretNotFound"),
        (a_secret("ca", {}), "SecretKeyMissing"),
        (a_secret("ca", {"ca.crt": "?"}), "SecretKeyInvalid"),
    ],
)
def test_an_endpoint_whose_certificates_cannot_be_used_is_not_ready_and_says_why(
    secrets: dict[str, Any], reason: str
) -> None:
    assert conditions(TLS, secrets) == {"Ready": ("False", reason), "Reconciling": ("True", reason)}


def test_a_suspended_endpoint_is_ready_whatever_its_secrets() -> None:
    assert conditions({**TLS, "suspend": True}) == {"Ready": ("True", "Suspended")}
