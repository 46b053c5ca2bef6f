"""Tell whether an object of the API server is as a document wants it: what the document leaves out is free.

Lists have to be equal in length, entry by entry; amounts of resources are compared by value, since the API server
spells 1000m as 1. Source: Kubernetes API conventions, "Quantity".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

_OWNERS = "ownerReferences"
_AMOUNTS = frozenset({"limits", "requests", "sizeLimit"})
_SUFFIXES: Mapping[str, Decimal | int] = {
    "": 1,
    "m": Decimal("0.001"),
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def as_wanted(wanted: Any, *, found: Any, amounts: bool = False) -> bool:
    """Compare; `amounts`: the values are quantities, or maps of them."""
    if found is None:
        return wanted in ({}, [], None)  # the API server leaves out what is empty
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            _named(name, inner, found=found.get(name), amounts=amounts) for name, inner in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(as_wanted(one, found=other, amounts=amounts) for one, other in zip(wanted, found, strict=True))
        )
    if amounts and isinstance(wanted, str) and isinstance(found, str):
        return _amount(wanted) == _amount(found)
    return bool(wanted == found)


def touched(wanted: Any, *, found: Any) -> Any:
    """Cut an object down to the fields that a document names, lists whole: what a write of it could change."""
    if not isinstance(wanted, Mapping) or not isinstance(found, Mapping):
        return found
    return {name: touched(inner, found=found.get(name)) for name, inner in wanted.items()}


def _named(name: str, wanted: Any, *, found: Any, amounts: bool) -> bool:
    if name == _OWNERS and isinstance(found, list):  # others may own it too
        return all(any(as_wanted(one, found=other) for other in found) for one in wanted)
    return as_wanted(wanted, found=found, amounts=amounts or name in _AMOUNTS)


def _amount(text: str) -> Decimal | str:
    digits = text.rstrip("KMGTkmi")
    try:
        return Decimal(digits) * _SUFFIXES[text[len(digits) :]]
    except (InvalidOperation, KeyError):
        return text
