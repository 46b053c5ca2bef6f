"""Count and time the reconciles."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from jethook_contract.errors import Bug, JethookError
from jethook_operator.core.resources import Kind

Reconciled = Callable[[Kind, str, float], None]
"""Take the kind, the result (`done`, `unavailable`, `bug`) and the seconds of one reconcile."""


@contextlib.contextmanager
def timed(kind: Kind, *, tell: Reconciled) -> Iterator[None]:
    """Tell how the block ended and how long it took; what it raises goes through."""
    began, result = time.monotonic(), "done"
    try:
        yield
    except JethookError as exc:
        result = "bug" if isinstance(exc, Bug) else "unavailable"
        raise
    except Exception:
        result = "bug"
        raise
    finally:
        tell(kind, result, time.monotonic() - began)


def untold(kind: Kind, result: str, seconds: float) -> None:
    """Take it and tell nobody."""
