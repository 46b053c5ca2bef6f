"""OpenTelemetry traces of this process: what they need of it, and how they are switched on.

OpenTelemetry is an extra: only `tracing_spans.py` and `tracing_export.py` import it, and only once it is asked for.
"""

from __future__ import annotations

from typing import Protocol

from jethook_contract.errors import Invalid
from jethook_dispatcher.shell.lane_attempt import Sender

__all__ = ["Tracing", "open_tracing"]


class Tracing(Protocol):
    """Make a span of each attempt and export it without holding an attempt up."""

    def around(self, sender: Sender) -> Sender:
        """Give a sender that makes a span of each attempt that `sender` makes."""

    async def close(self) -> None:
        """Export what is left, for a bounded time; called once no attempt runs any more."""


def open_tracing(*, member: str, pool: str) -> Tracing:
    """Start to export as the standard `OTEL_` variables say, as process `member` of `pool`.

    Raises Invalid `NoTracing` without the extra, `BadTracing` for variables that cannot be used.
    """
    try:
        from jethook_dispatcher.shell.tracing_export import ExportedTracing  # an extra, and 0.2 s
    except ModuleNotFoundError as exc:
        raise Invalid(
            "NoTracing",
            f"--tracing: the module {exc.name} is missing; install the extra: pip install 'jethook[tracing]'",
        ) from exc
    return ExportedTracing.open(member=member, pool=pool)
