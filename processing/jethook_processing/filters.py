"""The filter of a Subscription, made once for each part of the plan and asked for each event."""

from __future__ import annotations

from jethook_contract.event import CloudEvent
from jethook_contract.selection import Filter
from jethook_processing.cesql import CesqlPredicate
from jethook_processing.dialects import fits
from jethook_processing.expressions import compile_predicate


class EventFilter:
    """Tell which events a Subscription wants beyond their type; a filter in which nothing is set wants all.

    Raises Invalid `BadExpression` when it is made of an expression that cannot be used.
    """

    def __init__(self, wanted: Filter | None) -> None:
        self._dialects = wanted.dialects if wanted is not None else ()
        self._predicate = compile_predicate(wanted.cel) if wanted is not None and wanted.cel else None
        self._cesql = CesqlPredicate(wanted.cesql) if wanted is not None and wanted.cesql else None
        self.idle = not self._dialects and self._predicate is None and self._cesql is None

    def wants(self, event: CloudEvent) -> bool:
        """Tell whether the event is wanted; raises Invalid `FilterFailed` when the expression has no answer to it.

        The cheap ones come first: dialects, CESQL, CEL.
        """
        if self.idle:
            return True
        return (
            all(fits(event, one) for one in self._dialects)
            and (self._cesql is None or self._cesql(event))
            and (self._predicate is None or self._predicate(event))
        )
