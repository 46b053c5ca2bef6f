"""Read how much room the events of a namespace may take, from the annotation that the platform sets on it.

Tenants cannot edit their Namespace, so the annotation is the platform's word.
"""

from __future__ import annotations

import re

from jethook_contract.errors import Invalid
from jethook_contract.names import QUOTA_ANNOTATION

MIN_BYTES = 1024**2
MAX_BYTES = 1024**4

_SIZE = re.compile(r"([0-9]{1,16})(Ki|Mi|Gi|Ti)?")
_UNITS = {None: 1, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4}
_MAX_SHOWN_CHARACTERS = 40


def events_max_bytes(namespace: str, *, annotation: str | None) -> int | None:
    """Give the bytes (1 MiB to 1 TiB), None where the platform says nothing; raises Invalid `BadQuota`.

    Accepts whole bytes, or whole Ki, Mi, Gi or Ti.
    """
    if annotation is None:
        return None
    match = _SIZE.fullmatch(annotation.strip())
    size = int(match[1]) * _UNITS[match[2]] if match else -1
    if not MIN_BYTES <= size <= MAX_BYTES:
        shown = annotation if len(annotation) <= _MAX_SHOWN_CHARACTERS else f"{annotation[:_MAX_SHOWN_CHARACTERS]}..."
        raise Invalid(
            "BadQuota",
            f'Namespace "{namespace}": annotation {QUOTA_ANNOTATION} is "{shown}"; the platform must give a size from'
            " 1Mi to 1Ti, in whole bytes or Ki, Mi, Gi, Ti",
        )
    return size
