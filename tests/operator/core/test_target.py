"""An endpoint's spec as the dispatchers get it."""

from typing import Any

import pytest

from jethook_contract.target import Authentication, BreakerPolicy, Limits, Target, TargetUrl
from jethook_operator.core.target import target_of
from tests.operator.core.endpoints import URL, an_endpoint

OAUTH2 = {"tokenURL": "https://login.example.com/token", "secretRef": {"name": "client"}}


def test_an_endpoint_with_nothing_but_a_url_gets_the_defaults_of_the_contract() -> None:
    assert target_of(an_endpoint()) == Target(urls=(TargetUrl(url=URL),))


def test_several_targets_keep_their_order_and_weights() -> None:
    targets = [{"url": "https://a.example.com/"}, {"url": "https://b.example.com/", "weight": 100}]
    assert target_of(an_endpoint(targets=targets)).urls == (
        TargetUrl(url="https://a.example.com/", weight=1),
        TargetUrl(url="https://b.example.com/", weight=100),
    )


def test_plain_headers_are_in_the_target_and_those_from_secrets_are_not() -> None:
    headers = [
        {"name": "X-B", "value": "b"},
        {"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}},
        {"name": "X-A", "value": ""},
    ]
    assert target_of(an_endpoint(headers=headers)).headers == (("X-B", "b"), ("X-A", ""))


def test_limits_breaker_time_and_handshake_are_carried_over() -> None:
    target = target_of(
        an_endpoint(
            timeoutSeconds=7,
            limits={"requestsPerSecond": 50, "burst": 60, "maxInFlight": 3},
            circuitBreaker={
                "failurePercent": 1,
                "windowSeconds": 2,
                "minRequests": 3,
                "openSeconds": 4,
                "maxOpenSeconds": 5,
                "slowStartSeconds": 6,
            },
            handshake="CloudEvents",
        )
    )
    assert target.timeout_seconds == 7
    assert target.limits == Limits(requests_per_second=50, burst=60, max_in_flight=3)
    assert target.breaker == BreakerPolicy(
        failure_percent=1, window_seconds=2, min_requests=3, open_seconds=4, max_open_seconds=5, slow_start_seconds=6
    )
    assert target.handshake == "CloudEvents"


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        (None, Authentication()),
        ({"basic": {"secretRef": {"name": "login"}}}, Authentication(kind="Basic")),
        ({"bearer": {"secretKeyRef": {"name": "token", "key": "t"}}}, Authentication(kind="Bearer")),
        (
            {"oauth2ClientCredentials": OAUTH2},
            Authentication(kind="OAuth2ClientCredentials", token_url="https://login.example.com/token"),
        ),
        (
            {
                "oauth2ClientCredentials": {
                    **OAUTH2,
                    "scopes": ["read", "write"],
                    "audience": "https://hooks.example.com",
                    "clientAuthentication": "Body",
                }
            },
            Authentication(
                kind="OAuth2ClientCredentials",
                token_url="https://login.example.com/token",
                scopes=("read", "write"),
                audience="https://hooks.example.com",
                client_authentication="Body",
            ),
        ),
    ],
)
def test_each_way_to_authenticate_is_named_in_the_target(spec: dict[str, Any] | None, planned: Authentication) -> None:
    assert target_of(an_endpoint(authentication=spec)).authentication == planned


def test_the_annotation_resume_reaches_the_target_bounded() -> None:
    assert target_of(an_endpoint(annotations={"jethook.io/resume": "2"})).resume == "2"
    assert target_of(an_endpoint(annotations={"jethook.io/other": "2"})).resume == ""
    assert target_of(an_endpoint(annotations={"jethook.io/resume": "r" * 300_000})).resume == "r" * 256
