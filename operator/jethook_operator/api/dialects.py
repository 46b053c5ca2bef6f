"""The filters of the CloudEvents Subscriptions API, version 1.0, section 3.2.4, as far as a schema can spell them.

A structural schema cannot refer to itself, so each depth is a model of its own: `all`, `any` and `not` may stand within
one another three deep, of which the innermost compares attributes only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from jethook_operator.api.meta import ApiModel
from jethook_operator.api.rules import ListType, Rule

MAX_DIALECTS = 8  # at each place where there may be several
MAX_ATTRIBUTES = 8

_ATTRIBUTE = re.compile(r"[a-z0-9]{1,64}")
_NAMES_RULE = Rule(
    cel="self.all(name, name != 'data' && name.matches('^[a-z0-9]{1,64}$'))",
    message="must name attributes of a CloudEvent: 1 to 64 of a-z and 0-9, not data; correct the name"
    " (for the data use cel)",
    check=lambda attributes: all(name != "data" and _ATTRIBUTE.fullmatch(name) for name in attributes),
)
Attributes = Annotated[
    Mapping[str, Annotated[str, Field(min_length=1, max_length=1024)]],
    Field(min_length=1, max_length=MAX_ATTRIBUTES),
    _NAMES_RULE,
]


def _exactly_one(*keys: str) -> Rule:
    """Make the rule that a filter has exactly one of these fields, given by their names in YAML."""
    present = ", ".join(f"has(self.{key})" for key in keys)
    cure = "put several filters under all or any" if "all" in keys else "nest all, any and not at most three deep"
    return Rule(
        cel=f"[{present}].exists_one(given, given)",
        message=f"must have exactly one of {', '.join(keys[:-1])} and {keys[-1]}; {cure}",
        check=lambda dialect: _given(dialect) == 1,
    )


def _given(dialect: Any) -> int:
    return sum(value is not None for value in dict(dialect).values())


_COMPARISONS = ("exact", "prefix", "suffix")
_EVERY = (*_COMPARISONS, "all", "any", "not")


class InnermostDialect(ApiModel):
    """One comparison; exactly one field is set."""

    rules: ClassVar[tuple[Rule, ...]] = (_exactly_one(*_COMPARISONS),)

    exact: Attributes | None = None
    """Attributes and the text that each of them is, 1 to 8."""
    prefix: Attributes | None = None
    """Attributes and the text that each of them begins with, 1 to 8."""
    suffix: Attributes | None = None
    """Attributes and the text that each of them ends with, 1 to 8."""


_Innermost = Annotated[
    tuple[InnermostDialect, ...], Field(min_length=1, max_length=MAX_DIALECTS, strict=False), ListType("atomic")
]


class InnerDialect(ApiModel):
    """One filter within another; exactly one field is set."""

    rules: ClassVar[tuple[Rule, ...]] = (_exactly_one(*_EVERY),)

    exact: Attributes | None = None
    """Attributes and the text that each of them is, 1 to 8."""
    prefix: Attributes | None = None
    """Attributes and the text that each of them begins with, 1 to 8."""
    suffix: Attributes | None = None
    """Attributes and the text that each of them ends with, 1 to 8."""
    all: _Innermost | None = None
    """Filters that must all fit, 1 to 8."""
    any: _Innermost | None = None
    """Filters of which one must fit, 1 to 8."""
    not_: InnermostDialect | None = Field(default=None, alias="not")
    """A filter that must not fit."""


_Inner = Annotated[
    tuple[InnerDialect, ...], Field(min_length=1, max_length=MAX_DIALECTS, strict=False), ListType("atomic")
]


class Dialect(ApiModel):
    """One filter; exactly one field is set."""

    rules: ClassVar[tuple[Rule, ...]] = (_exactly_one(*_EVERY),)

    exact: Attributes | None = None
    """Attributes and the text that each of them is, 1 to 8."""
    prefix: Attributes | None = None
    """Attributes and the text that each of them begins with, 1 to 8."""
    suffix: Attributes | None = None
    """Attributes and the text that each of them ends with, 1 to 8."""
    all: _Inner | None = None
    """Filters that must all fit, 1 to 8."""
    any: _Inner | None = None
    """Filters of which one must fit, 1 to 8."""
    not_: InnerDialect | None = Field(default=None, alias="not")
    """A filter that must not fit."""


Dialects = Annotated[tuple[Dialect, ...], Field(max_length=MAX_DIALECTS, strict=False), ListType("atomic")]
