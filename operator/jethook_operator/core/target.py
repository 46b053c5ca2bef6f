"""Translate an endpoint's spec to the target of a plan part: where to send, and how carefully."""

from __future__ import annotations

from jethook_contract.target import BreakerPolicy, Limits, Target, TargetUrl
from jethook_operator.api.webhookendpoint import WebhookEndpoint, WebhookEndpointSpec
from jethook_operator.core.credentials import plan_authentication

RESUME_ANNOTATION = "jethook.io/resume"
_MAX_RESUME_CHARACTERS = 256


def target_of(endpoint: WebhookEndpoint) -> Target:
    """Translate an endpoint; what comes from Secrets is not in it (see `references.resolve`)."""
    spec = endpoint.spec
    return Target(
        urls=tuple(TargetUrl(url=one.url, weight=one.weight) for one in spec.instances()),
        timeout_seconds=spec.timeout_seconds,
        headers=tuple((header.name, header.value) for header in spec.headers if header.value is not None),
        limits=_limits(spec),
        breaker=_breaker(spec),
        authentication=plan_authentication(spec.authentication),
        handshake=spec.handshake,
        resume=endpoint.metadata.annotations.get(RESUME_ANNOTATION, "")[:_MAX_RESUME_CHARACTERS],
    )


def _limits(spec: WebhookEndpointSpec) -> Limits:
    limits = spec.limits
    return Limits(
        requests_per_second=limits.requests_per_second, burst=limits.burst, max_in_flight=limits.max_in_flight
    )


def _breaker(spec: WebhookEndpointSpec) -> BreakerPolicy:
    breaker = spec.circuit_breaker
    return BreakerPolicy(
        failure_percent=breaker.failure_percent,
        window_seconds=breaker.window_seconds,
        min_requests=breaker.min_requests,
        open_seconds=breaker.open_seconds,
        max_open_seconds=breaker.max_open_seconds,
        slow_start_seconds=breaker.slow_start_seconds,
    )
