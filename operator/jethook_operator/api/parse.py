"""Read a resource as it stands in YAML or comes from the API server: raw dict to model, once, at the edge."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from jethook_contract.errors import Invalid
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.api.faults import faults
from jethook_operator.api.meta import API_VERSION
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import WebhookEndpoint

REASON = "InvalidSpec"
KINDS: Mapping[str, type[WebhookEndpoint | Subscription | DispatcherPool]] = {
    "WebhookEndpoint": WebhookEndpoint,
    "Subscription": Subscription,
    "DispatcherPool": DispatcherPool,
}


def parse(raw: Mapping[str, Any]) -> WebhookEndpoint | Subscription | DispatcherPool:
    """Read one object, with all defaults filled in.

    What the CRD's schema and CEL rules refuse is refused here too, rules with the same message. A status is read when
    it can be, otherwise left out. Raises Invalid `InvalidSpec`; its message names each field by its path in YAML, what
    is wrong with it, and the cure, and holds no value of a header.
    """
    kind, api_version = raw.get("kind"), raw.get("apiVersion")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise Invalid(REASON, f"kind: it is none of Jethook's; write one of {', '.join(KINDS)}")
    if api_version != API_VERSION:
        raise Invalid(REASON, f"apiVersion: it is not the one of this {kind}; write {API_VERSION}")
    try:
        return model.model_validate_json(_as_json(raw), by_alias=True, by_name=False)
    except ValidationError as exc:
        raise Invalid(REASON, faults(exc, model=model)) from None  # the cause would carry the values


def _as_json(raw: Mapping[str, Any]) -> bytes:
    """Spell the object as the API server gets it: as JSON, in which a YAML date is a string and a key is one too."""
    try:
        return json.dumps(dict(raw), allow_nan=False, ensure_ascii=False, default=_spelled_date).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise Invalid(REASON, f"the object cannot be written as JSON: {exc}; use plain values") from exc


def _spelled_date(value: object) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON type")
