"""A real gateway process before a real nats-server, spoken to over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from nats.js.api import DiscardPolicy, RetentionPolicy, StreamConfig

from jethook_contract.names import events_stream
from jethook_gateway.core.keys import hash_of
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.raw_nats import raw_nats

pytestmark = pytest.mark.component

KEY = "jhk_0123456789abcdefghij"
OTHER = "jhk_abcdefghij0123456789"
SLOW = "jhk_slowslowslowslowslow"
KEYS = f"""keys:
- {{name: shop, sha256: {hash_of(KEY)}, namespaces: [shop]}}
- {{name: slow, sha256: {hash_of(SLOW)}, namespaces: [shop], requestsPerSecond: 5}}
"""
PATH = "/v1/namespaces/shop/events"
JSON = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


class Running:
    """The process, its address and its log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines() if '"event": "request"' in line]

    async def url(self) -> str:
        found = await eventually(lambda: re.search(r'"address": "([^"]+)"', self.log))
        return f"http://{found[1]}"


@pytest.fixture
def start(nats_server: NatsServer, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started = []
    (tmp_path / "keys.yaml").write_text(KEYS)

    def run(*arguments: str) -> Running:
        command = [sys.executable, "-m", "jethook_cli", "gateway", "--nats", nats_server.url, "--listen", "127.0.0.1:0"]
        command += ["--api-keys", str(tmp_path / "keys.yaml"), *arguments]
        log = tmp_path / f"gateway-{len(started)}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file)
        started.append(process)
        return Running(process, log)

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
async def client(start: Callable[..., Running]) -> AsyncIterator[tuple[httpx.AsyncClient, Running]]:
    running = start()
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=await running.url(), headers=headers, timeout=20) as opened:
        yield opened, running


async def make_stream(nats_server: NatsServer, *, max_bytes: int = 8 * 1024 * 1024) -> None:
    """Make the namespace's stream, and a consumer, or interest retention would keep nothing."""
    async with raw_nats(nats_server.url) as raw:
        await raw.js.add_stream(
            StreamConfig(
                name=events_stream("shop"),
                subjects=["jethook.events.shop.>", "jethook.direct.shop.*"],
                retention=RetentionPolicy.INTEREST,
                discard=DiscardPolicy.NEW,
                duplicate_window=120,
                max_bytes=max_bytes,
            )
        )
        await raw.js.add_consumer(events_stream("shop"), durable_name="sub_all", ack_policy="explicit")


def event(number: int, **more: object) -> bytes:
    body = {"specversion": "1.0", "id": f"e-{number}", "source": "/s", "type": "com.example.made", **more}
    return json.dumps(body).encode()


async def stored(nats_server: NatsServer) -> list[bytes]:
    async with raw_nats(nats_server.url) as raw:
        last = (await raw.js.stream_info(events_stream("shop"))).state.last_seq
        return [(await raw.js.get_msg(events_stream("shop"), seq=one)).data or b"" for one in range(1, last + 1)]


async def test_an_event_is_stored_before_the_answer_and_a_repeat_is_told(
    client: tuple[httpx.AsyncClient, Running], nats_server: NatsServer
) -> None:
    http, running = client
    await make_stream(nats_server)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    first = await http.post(PATH, content=event(1), headers={**JSON, "traceparent": trace})
    assert (first.status_code, first.json()) == (
        202,
        {"id": "e-1", "source": "/s", "status": 202, "sequence": 1, "duplicate": False},
    )
    again = await http.post(PATH, content=event(1), headers=JSON)
    assert (again.status_code, again.json()["sequence"], again.json()["duplicate"]) == (202, 1, True)
    assert await stored(nats_server) == [event(1)]
    line = running.lines[0]
    assert (line["client"], line["namespace"], line["status"], line["events"]) == ("shop", "shop", 202, 1)
    assert (line["bytes"], line["trace"]) == (len(event(1)), "0af7651916cd43dd8448eb211c80319c")
    assert KEY not in running.log


async def test_every_form_of_an_event_is_taken(
    client: tuple[httpx.AsyncClient, Running], nats_server: NatsServer
) -> None:
    http, _ = client
    await make_stream(nats_server)
    binary = {"ce-specversion": "1.0", "ce-id": "e-2", "ce-source": "/s", "ce-type": "com.example.made"}
    plain = {"content-type": "application/json", "jethook-event-type": "com.example.made"}
    assert (
        await http.post(PATH, content=b"{}", headers={**binary, "content-type": "application/json"})
    ).status_code == 202
    answer = await http.post(PATH, content=b'{"a":1}', headers=plain)
    assert answer.status_code == 202
    batch = await http.post(PATH, content=b"[" + event(3) + b"," + event(4, specversion="2") + b"]", headers=BATCH)
    assert batch.status_code == 207
    good, bad = batch.json()["events"]
    assert (good["id"], good["status"], bad["status"], bad["reason"]) == ("e-3", 202, 400, "BadSpecVersion")
    kept = [json.loads(one) for one in await stored(nats_server)]
    assert [one["id"] for one in kept] == ["e-2", answer.json()["id"], "e-3"]
    assert kept[1]["data"] == {"a": 1}


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        ((PATH, {"authorization": ""}, event(1)), 401, "Unauthenticated"),
        ((PATH, {"authorization": f"Bearer {OTHER}"}, event(1)), 401, "Unauthenticated"),
        (("/v1/namespaces/bank/events", JSON, event(1)), 403, "Forbidden"),
        (("/v1/namespaces/a.b/events", JSON, event(1)), 404, "NotFound"),
        (("/v1/elsewhere", JSON, event(1)), 404, "NotFound"),
        ((PATH, JSON, b"{"), 400, "BadJSON"),
        ((PATH, {"content-type": "text/plain"}, b"{}"), 415, "UnknownContentType"),
        ((PATH, JSON, event(1, data="x" * 800_000)), 413, "BodyTooLarge"),
        ((PATH, JSON, event(1)), 404, "NoStream"),
    ],
)
async def test_a_refusal_is_a_problem_that_says_why(
    client: tuple[httpx.AsyncClient, Running],
    request_: tuple[str, dict[str, str], bytes],
    status: int,
    reason: str,
) -> None:
    path, headers, content = request_
    answer = await client[0].post(path, content=content, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    document = answer.json()
    assert (document["status"], document["reason"]) == (status, reason)
    assert document["title"]
    assert document["detail"]
    assert (answer.headers.get("www-authenticate") == "Bearer") is (status == 401)


async def test_another_method_is_told(client: tuple[httpx.AsyncClient, Running]) -> None:
    answer = await client[0].get(PATH)
    assert (answer.status_code, answer.json()["reason"]) == (405, "MethodNotAllowed")


async def test_a_client_beyond_his_rate_is_told_when_to_come_back(
    client: tuple[httpx.AsyncClient, Running], nats_server: NatsServer
) -> None:
    http, _ = client
    await make_stream(nats_server)
    slow = {**JSON, "authorization": f"Bearer {SLOW}"}
    answers = [await http.post(PATH, content=event(number), headers=slow) for number in range(12)]
    refused = [one for one in answers if one.status_code == 429]
    assert refused
    assert {one.headers["retry-after"] for one in refused} == {"1"}
    assert (await http.post(PATH, content=event(99), headers=JSON)).status_code == 202, "others go on"


async def test_a_full_stream_and_an_absent_nats_are_told_within_two_seconds(
    client: tuple[httpx.AsyncClient, Running], nats_server: NatsServer
) -> None:
    http, _ = client
    await make_stream(nats_server, max_bytes=20_000)
    for number in range(5):
        answer = await http.post(PATH, content=event(number, data="x" * 5_000), headers=JSON)
    assert (answer.status_code, answer.json()["reason"], answer.headers["retry-after"]) == (503, "StreamFull", "2")
    assert (await http.get("/readyz")).status_code == 200
    nats_server.kill()
    begun = time.monotonic()
    answer = await http.post(PATH, content=event(50), headers=JSON)
    assert (answer.status_code, answer.json()["reason"]) == (503, "NATSUnreachable")
    assert time.monotonic() - begun < 2.0
    await eventually(lambda: _not_ready(http))
    assert (await http.get("/livez")).status_code == 200


async def _not_ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/readyz")).status_code == 503


async def test_keys_that_change_count_at_once_and_a_broken_file_changes_nothing(
    client: tuple[httpx.AsyncClient, Running], nats_server: NatsServer, tmp_path: Path
) -> None:
    http, running = client
    await make_stream(nats_server)
    file = tmp_path / "keys.yaml"
    file.write_text("keys: [")
    await eventually(lambda: _asked(http, KEY, running, "keys_not_read"))
    file.write_text(KEYS.replace(hash_of(KEY), hash_of(OTHER)))
    await eventually(lambda: _status(http, OTHER, 202))
    assert await _status(http, KEY, 401)


async def _status(http: httpx.AsyncClient, key: str, status: int) -> bool:
    answer = await http.post(PATH, content=event(1), headers={**JSON, "authorization": f"Bearer {key}"})
    return answer.status_code == status


async def _asked(http: httpx.AsyncClient, key: str, running: Running, line: str) -> bool:
    assert await _status(http, key, 202)
    return line in running.log


async def test_a_slow_client_is_cut_off_in_head_and_body(start: Callable[..., Running]) -> None:
    running = start()
    host, port = (await running.url()).removeprefix("http://").split(":")
    begun = time.monotonic()
    silent_reader, silent = await asyncio.open_connection(host, int(port))
    silent.write(b"POST /v1/namespaces/shop/events HTTP/1.1\r\nhost: x\r\n")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: 100\r\n\r\n{{".encode()
    )
    async with asyncio.timeout(20):
        assert await silent_reader.read() == b"", "hung up without an answer"
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    assert 8.0 < time.monotonic() - begun < 15.0
    writer.close()
    silent.close()


async def test_it_ends_in_order(client: tuple[httpx.AsyncClient, Running]) -> None:
    _, running = client
    running.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(running.process.wait, 15) == 0
    assert "gateway_stopped" in running.log
    assert "Traceback" not in running.log


async def test_wrong_settings_are_told_in_a_line(start: Callable[..., Running], tmp_path: Path) -> None:
    for arguments, says in (
        (("--api-keys", str(tmp_path / "none.yaml")), "cannot be read"),
        (("--listen", "nowhere"), "--listen: 'nowhere' is no HOST:PORT"),
        (("--tls-key", "k.pem"), "go together"),
        (("--tls-key", "k.pem", "--tls-certificate", "c.pem"), "cannot be used"),
    ):
        running = start(*arguments)
        assert await asyncio.to_thread(running.process.wait, 15) == 1
        assert says in running.log
        assert "Traceback" not in running.log
