"""When deliveries to a receiver that fails stop for a while, and how they begin again."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from jethook_operator.api.meta import ApiModel
from jethook_operator.api.rules import Rule


class CircuitBreaker(ApiModel):
    """When deliveries stop because too many attempts failed, and how they begin again. Events wait meanwhile."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.openSeconds <= self.maxOpenSeconds",
            message="openSeconds must be at most maxOpenSeconds; lower the one or raise the other",
            check=lambda breaker: breaker.open_seconds <= breaker.max_open_seconds,
        ),
    )

    failure_percent: int = Field(default=50, ge=1, le=100)
    """Share of failed attempts, in percent, from which deliveries stop, 1 to 100. Default: 50."""
    window_seconds: int = Field(default=60, ge=1, le=3600)
    """The time in seconds over which attempts are counted, 1 to 3600. Deliveries also stop when nothing but failures,
    at least minRequests of them, came for a tenth of it. Default: 60."""
    min_requests: int = Field(default=20, ge=1, le=10_000)
    """Attempts that there must be within that time before their share counts, 1 to 10000. Default: 20."""
    open_seconds: int = Field(default=30, ge=1, le=86_400)
    """The first pause in seconds, 1 to 86400. Then one event is tried; each failure doubles the pause. Default: 30."""
    max_open_seconds: int = Field(default=900, ge=1, le=86_400)
    """The longest pause in seconds, 1 to 86400; also the longest that a Retry-After stops the whole endpoint.
    Default: 900."""
    slow_start_seconds: int = Field(default=60, ge=0, le=3600)
    """Seconds over which the load grows back to the limits after a pause, 0 to 3600; 0 for at once. Default: 60."""
