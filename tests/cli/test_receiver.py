"""`jethook receiver` verifies, answers as told, and records."""

import json
import time
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from jethook_cli.receiver_server import ReceiverServer, ReceiverSettings
from tests.fixtures.installation import SIGNING_KEY

BODY = '{"id": "e1"}'


def _signed(message_id: str) -> dict[str, str]:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    signature = Webhook(SIGNING_KEY).sign(message_id, now, BODY)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
        "jethook-subscription": "default/orders",
    }


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record.jsonl"


async def _statuses(settings: ReceiverSettings, requests: list[dict[str, str]]) -> list[int]:
    server = ReceiverServer(settings)
    port = await server.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            return [
                (await client.post(f"http://127.0.0.1:{port}/", content=BODY, headers=headers)).status_code
                for headers in requests
            ]
    finally:
        await server.stop()


def _settings(record: Path, *, status: int = 200, fail_first: int = 0) -> ReceiverSettings:
    return ReceiverSettings(
        host="127.0.0.1",
        port=0,
        keys=(SecretStr(SIGNING_KEY),),
        record=record,
        quiet=True,
        status=status,
        fail_first=fail_first,
    )


async def test_a_signed_delivery_is_recorded_as_verified(record: Path) -> None:
    assert await _statuses(_settings(record), [_signed("msg_1")]) == [200]
    entry = json.loads(record.read_text())
    assert (entry["subscription"], entry["event_id"], entry["verified"]) == ("default/orders", "e1", True)


async def test_a_forged_delivery_is_refused_and_recorded_with_the_fault(record: Path) -> None:
    forged = {**_signed("msg_1"), "webhook-id": "msg_2"}
    stale = {**_signed("msg_1"), "webhook-timestamp": str(int(time.time()) - 3600)}
    assert await _statuses(_settings(record), [forged, stale, {}]) == [401, 401, 401]
    faults = [json.loads(line)["fault"] for line in record.read_text().splitlines()]
    assert faults == ["SignatureMismatch", "StaleTimestamp", "MissingHeader"]


async def test_each_event_is_refused_as_often_as_told(record: Path) -> None:
    requests = [_signed(name) for name in ("msg_1", "msg_2", "msg_1", "msg_1", "msg_2", "msg_2")]
    assert await _statuses(_settings(record, fail_first=2), requests) == [500, 500, 500, 200, 500, 200]
