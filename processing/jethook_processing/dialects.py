"""Filter dialects of the CloudEvents Subscriptions API, over the attributes of an event.

Source: CloudEvents Subscriptions API 1.0, section 3.2.4: `exact`, `prefix`, `suffix` fit when all their attributes do,
a missing attribute fits nothing, and case matters.
"""

from __future__ import annotations

from collections.abc import Callable

from jethook_contract.event import CORE, CloudEvent
from jethook_contract.selection import Dialect


def fits(event: CloudEvent, dialect: Dialect) -> bool:
    """Tell whether an event fits a filter; one in which nothing is set fits every event."""
    return (
        _compare(event, dialect.exact, str.__eq__)
        and _compare(event, dialect.prefix, str.startswith)
        and _compare(event, dialect.suffix, str.endswith)
        and all(fits(event, one) for one in dialect.all)
        and (not dialect.any or any(fits(event, one) for one in dialect.any))
        and (dialect.not_ is None or not fits(event, dialect.not_))
    )


def _compare(event: CloudEvent, pairs: tuple[tuple[str, str], ...], fit: Callable[[str, str], bool]) -> bool:
    for name, wanted in pairs:
        value = _attribute(event, name)
        if value is None or not fit(value, wanted):
            return False
    return True


def _attribute(event: CloudEvent, name: str) -> str | None:
    """Give an attribute in the String form of the CloudEvents type system, None when the event has none."""
    value = getattr(event, name) if name in CORE else event.extensions.get(name)
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
