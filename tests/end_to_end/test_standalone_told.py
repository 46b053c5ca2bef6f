"""What `jethook get` and `jethook describe` tell standalone when deliveries do not go well: the same as kubectl."""

import re
from collections.abc import Callable

import pytest

from tests.fixtures.behaviours import answers
from tests.fixtures.installation import Standalone, endpoint, pool, secret, subscription
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

EVENTS = 30
SECONDS = 60.0
LATER = {"maxAttempts": 5, "initialDelaySeconds": 60, "factor": 1, "maxDelaySeconds": 60}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
async def jethook(standalone: Callable[[], Standalone], receivers: Callable[..., Receiver]) -> Standalone:
    """Run four endpoints, none of them well, and publish to each."""
    installation = standalone()
    down, gone, silent = receivers(answers(503)), receivers(answers(410)), receivers(answers(200))
    ordered = subscription("in-order", "slow")
    ordered["spec"]["ordering"] = {"keyFrom": "event.id"}
    installation.write(
        "objects.yaml",
        *(pool(), secret(), ordered),
        endpoint("down", down.url, retry=LATER),
        endpoint("slow", down.url, retry=LATER, circuitBreaker={"minRequests": 10_000}),
        endpoint("gone", gone.url),
        endpoint("silent", silent.url, handshake="CloudEvents"),
        *(subscription(f"{name}-all", name) for name in ("down", "gone", "silent")),
    )
    await installation.start()
    await installation.all_ready("subscriptions", count=4)
    await installation.publish("com.example.order.made", EVENTS)
    return installation


async def _shown(jethook: Standalone, noun: str, name: str, *pieces: str) -> None:
    seen = [""]

    async def probe() -> bool:
        seen.append((await jethook.jethook("describe", noun, name)).stdout)
        return all(re.search(piece, seen[-1]) for piece in pieces)

    try:
        await eventually(probe, seconds=SECONDS, every_seconds=0.5)
    except AssertionError:
        raise AssertionError(f"{pieces} not in what is shown:\n{seen[-1]}") from None


async def test_the_command_line_tells_what_is_wrong_and_what_helps(jethook: Standalone) -> None:
    await _shown(
        *(jethook, "endpoint", "down"),
        r"Delivering +False +CircuitOpen +503 from 127\.0\.0\.1.*; next probe \d\d:\d\d:\d\dZ, pauses grow to 15m",
        "State: CircuitOpen",
        "Limited By: CircuitBreaker",
        f"Next Attempt Time: {TIME}",
        f"Backlog: {EVENTS}",
        f"Oldest Undelivered Time: {TIME}",
        r"Last Error:\n +Reason: HTTPStatus\n +Status Code: 503",
    )
    await _shown(
        *(jethook, "endpoint", "gone"),
        r"Delivering +False +Disabled +the receiver answered 410: .*jethook\.io/resume",
        "Limited By: Disabled",
    )
    await _shown(
        *(jethook, "endpoint", "silent"),
        r"Delivering +False +HandshakeRefused +200 without WebHook-Allowed-Origin",
        r"Handshake:\n +State: Refused",
    )
    await _shown(
        *(jethook, "subscription", "in-order"),
        r"Parked Keys:\n +-\n +Key: .*\n +Sequence: \d+\n +Event Id: .*\n +Attempts: 1\n",
        f"Parked Key Count: {EVENTS}",
    )
    await eventually(lambda: re.search(r'"reason": "Disabled".*"object_event"', jethook.log), seconds=SECONDS)


async def test_the_wide_table_has_limit_next_attempt_and_last_error(jethook: Standalone) -> None:
    await _shown(jethook, "endpoint", "down", "State: CircuitOpen")
    heading, *rows = (await jethook.jethook("get", "endpoints", "-o", "wide")).stdout.splitlines()
    (row,) = [line for line in rows if line.startswith("down ")]
    for column, cell in (("LIMITED BY", "CircuitBreaker"), ("NEXT ATTEMPT", TIME), ("LAST ERROR", "HTTPStatus")):
        assert re.match(cell, row[heading.index(column) :]), column
