"""Endpoints and Secrets as values, for the tests of the core."""

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from jethook_operator.api.parse import parse
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.resources import SecretValue

URL = "https://hooks.example.com/orders?token=x"


def an_endpoint(*, annotations: Mapping[str, str] | None = None, **spec: Any) -> WebhookEndpoint:
    """Parse an endpoint; its URL is `URL` unless targets are given."""
    where = {} if "targets" in spec else {"url": URL}
    parsed = parse(
        {
            "apiVersion": "jethook.io/v1alpha1",
            "kind": "WebhookEndpoint",
            "metadata": {"name": "orders", "namespace": "shop", "annotations": annotations or {}},
            "spec": {**where, **spec},
        }
    )
    assert isinstance(parsed, WebhookEndpoint)
    return parsed


def a_secret(name: str, data: Mapping[str, str]) -> dict[str, SecretValue | None]:
    """Give a labelled Secret, by its name."""
    values = {key: SecretStr(value) for key, value in data.items()}
    return {name: SecretValue("shop", name, labelled=True, data=values)}
