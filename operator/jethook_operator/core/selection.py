"""Translate what a Subscription selects and bounds into its half of the plan, and check its expressions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jethook_contract import selection as plan
from jethook_contract.errors import Invalid
from jethook_operator.api.dialects import Dialect, InnerDialect, InnermostDialect
from jethook_operator.api.selection import Backlog, EventFilter
from jethook_operator.api.subscription import SubscriptionSpec
from jethook_processing.bindings import Context
from jethook_processing.cesql import CesqlPredicate
from jethook_processing.expressions import compile_key, compile_predicate
from jethook_processing.transform import Shaper

AnyDialect = Dialect | InnerDialect | InnermostDialect


def check_expressions(spec: SubscriptionSpec) -> None:
    """Compile every expression; raises Invalid BadExpression that names the field."""
    for field, text, compiled in _expressions(spec):
        try:
            compiled(text)
        except Invalid as exc:
            raise Invalid(exc.reason, f"spec.{field}: {exc.message}") from exc
    _check_shaping(spec)


def plan_filter(wanted: EventFilter | None) -> plan.Filter:
    """Translate a filter; None wants all."""
    if wanted is None:
        return plan.Filter()
    return plan.Filter(
        cel=wanted.cel or "", cesql=wanted.cesql or "", dialects=tuple(_dialect(one) for one in wanted.dialects)
    )


def plan_backlog(backlog: Backlog) -> plan.BacklogPolicy:
    """Translate what may wait."""
    return plan.BacklogPolicy(
        max_age_seconds=backlog.max_age_seconds,
        max_events=backlog.max_events,
        max_share_percent=backlog.max_share_percent,
    )


def _expressions(spec: SubscriptionSpec) -> Iterator[tuple[str, str, Callable[[str], object]]]:
    if spec.filter is not None and spec.filter.cel is not None:
        yield "filter.cel", spec.filter.cel, compile_predicate
    if spec.filter is not None and spec.filter.cesql is not None:
        yield "filter.cesql", spec.filter.cesql, CesqlPredicate
    if spec.ordering is not None:
        yield "ordering.keyFrom", spec.ordering.key_from, compile_key
    if spec.merge is not None:
        yield "merge.keyFrom", spec.merge.key_from, compile_key


def plan_bindings(spec: SubscriptionSpec) -> tuple[plan.Binding, ...]:
    """Translate the bindings, in the order of the spec."""
    return tuple(
        plan.Binding(name=one.name, from_=one.from_, type=one.type, default=one.default or "") for one in spec.bindings
    )


def plan_transform(spec: SubscriptionSpec) -> plan.Transform | None:
    """Translate the transformation; the template's keys are sorted, as the API server's are."""
    if spec.transform is None:
        return None
    return plan.Transform(template=json.dumps(spec.transform.template, ensure_ascii=False, sort_keys=True))


def _check_shaping(spec: SubscriptionSpec) -> None:
    context = Context(namespace="", endpoint="", subscription="")
    for field, transform in (("bindings", None), ("transform.template", plan_transform(spec))):
        try:
            Shaper(plan_bindings(spec), transform, context=context)
        except Invalid as exc:
            raise Invalid(exc.reason, f"spec.{field}: {exc.message}") from exc


def _dialect(dialect: AnyDialect) -> plan.Dialect:
    comparisons: Mapping[str, Any] = {
        name: tuple(sorted((getattr(dialect, name) or {}).items())) for name in ("exact", "prefix", "suffix")
    }
    if isinstance(dialect, InnermostDialect):
        return plan.Dialect(**comparisons)
    return plan.Dialect(
        **comparisons,
        all=tuple(_dialect(one) for one in dialect.all or ()),
        any=tuple(_dialect(one) for one in dialect.any or ()),
        not_=None if dialect.not_ is None else _dialect(dialect.not_),
    )
