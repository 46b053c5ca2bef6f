"""How much a receiver is given at once."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from jethook_operator.api.meta import ApiModel
from jethook_operator.api.rules import Rule


class Limits(ApiModel):
    """How much the receiver is given at once, over all dispatchers of the pool."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.burst) || has(self.requestsPerSecond)",
            message="burst needs requestsPerSecond; add that or remove burst",
            check=lambda limits: limits.burst is None or limits.requests_per_second is not None,
        ),
    )

    requests_per_second: int | None = Field(default=None, ge=1, le=100_000)
    """Requests in a second, 1 to 100000. Default: no limit of the rate."""
    burst: int | None = Field(default=None, ge=1, le=100_000)
    """Requests that may follow each other at once after a pause, 1 to 100000. Default: as many as
    requestsPerSecond."""
    max_in_flight: int = Field(default=20, ge=1, le=1000)
    """Requests that may be open at the same time, 1 to 1000. Default: 20."""
