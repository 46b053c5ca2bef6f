"""How many events one gateway process takes in, each stored by JetStream before its answer, and how fast it answers.

One API key, events of 1 KiB, one nats-server; the load runs in this process. Three runs: single events over 64
connections as fast as they go, batches of 100, and single events at 1,000/s over 64 connections for the latency.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.events import EVENT_TYPE
from bench.ingest_client import Answers, load
from bench.installation import Installation
from bench.machine import cpu_seconds
from bench.measures import milliseconds, percentile
from bench.processes import process
from bench.results import Result
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, disconnect
from jethook_gateway.core.keys import hash_of
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

SINGLES_BOUND, BATCHED_BOUND, P99_BOUND = 6_000, 25_000, 20.0
_BOUND = "6,000 single events/s, 25,000 events/s in batches of 100, p99 < 20 ms at 1,000/s"
_CONNECTIONS = 64
_BATCH = 100
_PAD = "x" * 850
_KEY = "jhk_bench-bench-bench-bench"


async def measure(*, quick: bool) -> Result:
    """Run the scenario; about a minute."""
    singles, batches, seconds = (5_000, 100, 3) if quick else (60_000, 1_500, 20)
    with tempfile.TemporaryDirectory(prefix="jethook-bench-") as folder:
        server = NatsServer(Path(folder) / "nats")
        server.start()
        try:
            return await _measured(server.url, Path(folder), singles=singles, batches=batches, seconds=seconds)
        finally:
            server.close()


async def _measured(url: str, folder: Path, *, singles: int, batches: int, seconds: int) -> Result:
    client = await connect(ConnectionSettings(servers=(url,), name="bench"), hooks=ConnectionHooks())
    try:
        await Installation(client, keys_file=folder / "plan-key").lay_namespace("bench")
    finally:
        await disconnect(client)
    keys, log = folder / "keys.yaml", folder / "log"
    entry = {"name": "bench", "sha256": hash_of(_KEY), "namespaces": ["bench"], "requestsPerSecond": 1_000_000}
    keys.write_text(json.dumps({"keys": [entry]}))
    arguments = ("-m", "jethook_cli", "gateway", "--nats", url, "--api-keys", str(keys), "--listen", "127.0.0.1:0")
    async with process(*arguments, log=log) as gateway:
        found = await eventually(lambda: re.search(r'"address": "([^":]+):(\d+)"', log.read_text()))
        host, port = found[1], int(found[2])
        await load(host, port, _singles("warm", 500), connections=_CONNECTIONS)
        begun, busy = time.perf_counter(), cpu_seconds(gateway.pid)
        one = await load(host, port, _singles("s", singles), connections=_CONNECTIONS)
        single_rate = singles / (time.perf_counter() - begun)
        microseconds = (cpu_seconds(gateway.pid) - busy) / singles * 1e6
        begun = time.perf_counter()
        many = await load(host, port, _batched(batches), connections=8)
        batched_rate = batches * _BATCH / (time.perf_counter() - begun)
        paced = await load(host, port, _singles("p", 1_000 * seconds, per_second=1_000), connections=_CONNECTIONS)
    return _result(one, many, paced, rates=(single_rate, batched_rate), microseconds=microseconds)


def _result(one: Answers, many: Answers, paced: Answers, *, rates: tuple[float, float], microseconds: float) -> Result:
    p99 = milliseconds(percentile(paced.seconds, 99))
    refused = one.refused + many.refused + paced.refused
    kept = rates[0] >= SINGLES_BOUND and rates[1] >= BATCHED_BOUND and p99 < P99_BOUND and not refused
    return Result(
        ok=kept,
        bound=_BOUND,
        figures={
            "singles_per_second": round(rates[0]),
            "gateway_cpu_us_per_single": round(microseconds),
            "p99_ms_at_full_rate": milliseconds(percentile(one.seconds, 99)),
            "batched_events_per_second": round(rates[1]),
            "p50_ms_at_1000": milliseconds(percentile(paced.seconds, 50)),
            "p99_ms_at_1000": p99,
            "refused": refused,
        },
    )


def _singles(name: str, count: int, *, per_second: int = 0) -> Iterator[tuple[float, bytes]]:
    begun = time.perf_counter() + 0.1
    for number in range(count):
        due = begun + number / per_second if per_second else 0.0
        yield due, _request(_event(f"{name}-{number}"), content_type="application/cloudevents+json")


def _batched(count: int) -> Iterator[tuple[float, bytes]]:
    for number in range(count):
        events = b",".join(_event(f"b-{number}-{one}") for one in range(_BATCH))
        yield 0.0, _request(b"[" + events + b"]", content_type="application/cloudevents-batch+json")


def _event(event_id: str) -> bytes:
    return (
        f'{{"specversion":"1.0","id":"{event_id}","source":"/bench","type":"{EVENT_TYPE}","data":{{"pad":"{_PAD}"}}}}'
    ).encode()


def _request(body: bytes, *, content_type: str) -> bytes:
    head = (
        f"POST /v1/namespaces/bench/events HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {_KEY}\r\n"
        f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
