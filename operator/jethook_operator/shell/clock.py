"""The time of day, for those who take it as an argument."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Give the present as an aware UTC datetime."""
    return datetime.now(UTC)
