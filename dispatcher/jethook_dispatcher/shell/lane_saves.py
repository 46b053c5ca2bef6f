"""Write the records of many Subscriptions, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

SAVES_AT_ONCE = 16

_Item = TypeVar("_Item")


async def save_all(items: Sequence[_Item], *, save: Callable[[_Item], Awaitable[None]]) -> None:
    """Save each item, `SAVES_AT_ONCE` at once: one by one, answers that take a second would hold up all others."""
    for start in range(0, len(items), SAVES_AT_ONCE):
        await asyncio.gather(*map(save, items[start : start + SAVES_AT_ONCE]))
