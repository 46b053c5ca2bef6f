"""What all resources share: the base of their models, object metadata, conditions, references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from jethook_operator.api.rules import ListType, Rule, spelled, with_rules

GROUP = "jethook.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_LABEL_RULE = spelled(_LABEL, message="must be a DNS label: a-z, 0-9 and -, at most 63 characters; correct it")
_SUBDOMAIN_RULE = spelled(
    r"[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?", message="must be the name of a Secret: a-z, 0-9, - and . only; correct it"
)
_SECRET_KEY_RULE = spelled(
    r"[-._A-Za-z0-9]+", message="must be a key of a Secret: letters, digits, -, _ and . only; correct it"
)

LabelName = Annotated[str, Field(min_length=1, max_length=63), _LABEL_RULE]
SecretName = Annotated[str, Field(min_length=1, max_length=253), _SUBDOMAIN_RULE]
SecretKey = Annotated[str, Field(min_length=1, max_length=253), _SECRET_KEY_RULE]


class ApiModel(BaseModel):
    """Read strictly what a user wrote: unknown fields, wrong types and broken rules are refused.

    In YAML names are camelCase, in Python snake_case. As the API server does, a null in YAML counts as left out, and
    20.0 or 1e2 as an integer.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_as_kubernetes_does(cls, data: Any, info: ValidationInfo) -> Any:
        if info.mode != "json" or not isinstance(data, dict):
            return data
        known = {field.alias for field in cls.model_fields.values()}
        return {key: _whole(value) for key, value in data.items() if value is not None or key not in known}

    @model_validator(mode="after")
    def _keep_rules(self) -> Self:
        for rule in self.rules:
            rule.enforce(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler(schema)
        handler.resolve_ref_schema(json_schema).update(with_rules({}, cls.rules))
        return json_schema


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class StatusModel(ApiModel):
    """Read leniently what controllers wrote, perhaps of another version: unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", strict=False)


class ObjectMeta(StatusModel):
    """The metadata that Jethook looks at. From files, uid and resource version are empty."""

    name: str = Field(min_length=1, max_length=253)
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    creation_timestamp: AwareDatetime | None = None
    deletion_timestamp: AwareDatetime | None = None


class Condition(StatusModel):
    """One aspect of an object's state."""

    type: str = Field(min_length=1, max_length=64)
    """Name of the aspect: Ready, Reconciling, Stalled, Delivering."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds: True, False or Unknown."""
    reason: str = Field(min_length=1, max_length=128)
    """Why, as one CamelCase word for programs."""
    message: str | None = Field(default=None, max_length=4096)
    """Why, in a sentence for people."""
    last_transition_time: AwareDatetime
    """When `status` last changed."""
    observed_generation: int | None = Field(default=None, ge=0)
    """The metadata.generation that this condition was computed from."""


Conditions = Annotated[tuple[Condition, ...], Field(max_length=16), ListType("map", ("type",))]


class SecretReference(ApiModel):
    """A Secret in the same namespace."""

    name: SecretName
    """Name of the Secret. It is used only when it carries the label jethook.io/use: "true"."""


class SecretKeySelector(ApiModel):
    """One key of a Secret in the same namespace."""

    name: SecretName
    """Name of the Secret. It is used only when it carries the label jethook.io/use: "true"."""
    key: SecretKey
    """Key within the Secret's data."""


def name_rule() -> Rule:
    """Make the rule on the object's own name, which stands in NATS subjects and consumer names."""
    label = spelled(_LABEL, message="")
    return Rule(
        cel=label.cel.replace("self", "self.metadata.name", 1),
        message="metadata.name must be a DNS label: a-z, 0-9 and -, at most 63 characters; rename it",
        check=lambda resource: label.check(resource.metadata.name),
    )
