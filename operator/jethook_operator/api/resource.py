"""The frame of every resource: apiVersion, kind, metadata, spec, status."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from jethook_operator.api.meta import ApiModel, ObjectMeta


def _status_or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Read a status, or give None: another version's status never makes an object unreadable."""
    try:
        return handler(value)
    except ValidationError:
        return None


LenientStatus = WrapValidator(_status_or_none)


class Resource(ApiModel):
    """What every kind has; each adds its own `kind`, `spec` and `status`."""

    api_version: Literal["jethook.io/v1alpha1"] = "jethook.io/v1alpha1"
    metadata: ObjectMeta
