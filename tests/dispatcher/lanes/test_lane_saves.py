"""Many records are written a few at a time: a slow answer holds up few others, and NATS is not asked for all."""

import asyncio

from jethook_dispatcher.shell.lane_saves import SAVES_AT_ONCE, save_all


async def test_records_are_saved_together_up_to_a_bound() -> None:
    saved: list[int] = []
    under_way = most = 0

    async def save(number: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        saved.append(number)

    await save_all(range(3 * SAVES_AT_ONCE + 1), save=save)
    assert sorted(saved) == list(range(3 * SAVES_AT_ONCE + 1))
    assert most == SAVES_AT_ONCE
