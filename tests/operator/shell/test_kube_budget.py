"""The token bucket under virtual time."""

from __future__ import annotations

import asyncio

import pytest

from jethook_operator.shell.kube_budget import TokenBucket

pytestmark = pytest.mark.looptime


async def test_a_burst_passes_at_once_and_the_rest_at_the_rate() -> None:
    bucket = TokenBucket(rate_per_second=10, burst=5)
    loop = asyncio.get_running_loop()
    start, times = loop.time(), []
    for _ in range(25):
        await bucket.take()
        times.append(loop.time() - start)
    assert times[:5] == [0] * 5
    assert times[-1] == pytest.approx(2.0, abs=0.01)


async def test_many_at_once_share_the_rate() -> None:
    bucket = TokenBucket(rate_per_second=100, burst=1)
    start = asyncio.get_running_loop().time()
    await asyncio.gather(*(bucket.take() for _ in range(201)))
    assert asyncio.get_running_loop().time() - start == pytest.approx(2.0, abs=0.02)


async def test_an_idle_bucket_fills_to_its_burst_and_no_further() -> None:
    bucket = TokenBucket(rate_per_second=10, burst=3)
    await asyncio.sleep(100)
    start = asyncio.get_running_loop().time()
    for _ in range(5):
        await bucket.take()
    assert asyncio.get_running_loop().time() - start == pytest.approx(0.2, abs=0.01)
