"""How long the API server is left alone."""

from __future__ import annotations

import asyncio

import pytest

from jethook_operator.shell.kube_patience import MOST_ASKED_SECONDS, MOST_PAUSE_SECONDS, Patience

pytestmark = pytest.mark.looptime


async def waited(patience: Patience) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await patience.wait()
    return loop.time() - began


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(("header", "seconds"), [("3", 3.0), ("0", 0.0), ("86400", MOST_ASKED_SECONDS)])
async def test_retry_after_is_obeyed_within_a_bound(status: int, header: str, seconds: float) -> None:
    patience = Patience()
    patience.answered(status, retry_after=header)
    assert await waited(patience) == pytest.approx(seconds)


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "1.5", "Tue, 24 Nov 2026 10:00:00 GMT", "٣"])
async def test_what_is_no_number_of_seconds_asks_for_nothing(header: str | None) -> None:
    patience = Patience()
    patience.answered(429, retry_after=header)
    assert await waited(patience) == 0


async def test_two_failures_hold_nobody_back_and_more_do_ever_longer_up_to_a_bound() -> None:
    patience = Patience()
    pauses = []
    for _ in range(20):
        patience.answered(500, retry_after=None)
        pauses.append(await waited(patience))
    assert pauses[:5] == pytest.approx([0.0, 0.0, 0.1, 0.2, 0.4], abs=0.005)
    assert pauses[-1] == pytest.approx(MOST_PAUSE_SECONDS, abs=0.005)


async def test_a_success_forgets_the_failures() -> None:
    patience = Patience()
    for _ in range(9):
        patience.unanswered()
    await patience.wait()
    patience.answered(404, retry_after=None)
    patience.answered(500, retry_after=None)
    assert await waited(patience) == 0


async def test_an_answer_to_a_request_that_was_out_already_shortens_no_wait() -> None:
    patience = Patience()
    patience.answered(429, retry_after="9")
    patience.answered(200, retry_after=None)
    assert await waited(patience) == pytest.approx(9.0)
