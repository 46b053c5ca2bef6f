"""A real operator and a real dispatcher at work on one nats-server, and what both tell over `/metrics`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from hack.ports import free_port
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.metric_families import Family
from jethook_contract.sealing import KeyRing
from jethook_contract.subjects import events_subject
from jethook_operator.core.metric_families import OF_KUBERNETES
from tests.dispatcher.lanes.world import event
from tests.fixtures.behaviours import answers
from tests.fixtures.installation import endpoint, pool, secret, subscription
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver
from tests.fixtures.scraping import Scrape, page, scrape

STOP_SECONDS = 40
EVENTS = 3


@dataclass(frozen=True)
class Told:
    """What the two processes tell; `silent` are families that need a cluster, known by their labels alone."""

    dispatcher: Scrape
    operator: Scrape
    silent: tuple[Family, ...]

    def series(self, sample: str) -> list[Mapping[str, str]]:
        """Give the labels of each series of a name, in both processes."""
        scrapes = (self.dispatcher, self.operator)
        found = [labels for scrape in scrapes for name, labels, _ in scrape.samples() if name == sample]
        return found or [dict.fromkeys(one.labels, "") for one in self.silent if one.name == sample]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Run both processes until they have delivered, failed, throttled and buried; give what they tell then."""
    folder = tmp_path_factory.mktemp("told")
    server = NatsServer(folder / "nats")
    server.start()
    receivers = {"good": Receiver(), "busy": Receiver(answers(503)), "bad": Receiver(answers(404))}
    for receiver in receivers.values():
        receiver.start()
    ports = {"operator": free_port(), "dispatcher": free_port()}
    _write_objects(folder / "objects", urls={name: one.url for name, one in receivers.items()})
    try:
        with _processes(folder, url=server.url, ports=ports):
            yield asyncio.run(_work(server.url, ports=ports))
    finally:
        for receiver in receivers.values():
            receiver.stop()
        server.close()


def _write_objects(folder: Path, *, urls: Mapping[str, str]) -> None:
    folder.mkdir()
    once = {"retry": {"maxAttempts": 1, "initialDelaySeconds": 1}}
    documents = [
        pool(),
        secret(),
        endpoint("good", urls["good"]),
        endpoint("busy", urls["busy"], limits={"requestsPerSecond": 50, "burst": 5}),
        endpoint("bad", urls["bad"], **once),
        endpoint("away", f"http://127.0.0.1:{free_port()}/"),
        *(subscription(name, name, f"com.example.{name}") for name in (*urls, "away")),
    ]
    (folder / "all.yaml").write_text(yaml.safe_dump_all(documents))


@contextlib.contextmanager
def _processes(folder: Path, *, url: str, ports: Mapping[str, int]) -> Iterator[None]:
    keys = folder / "keys"
    keys.mkdir()
    (keys / "default").write_text(KeyRing.generate().get_secret_value())
    commands = {
        "operator": ["--provider", "files", "--files", str(folder / "objects"), "--plan-keys", str(keys),
                     "--install-id", "told"],
        "dispatcher": ["--plan-key", str(keys / "default")],
    }  # fmt: skip
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("JETHOOK_", "KUBE"))}
    with contextlib.ExitStack() as stack:
        for name, options in commands.items():
            command = [sys.executable, "-m", "jethook_cli", name, *options]
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            environment = clean | {"JETHOOK_NATS_URL": url, "JETHOOK_METRICS": f"127.0.0.1:{ports[name]}"}
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            stack.callback(process.wait, STOP_SECONDS)
            stack.callback(process.terminate)
        yield


async def _work(url: str, *, ports: Mapping[str, int]) -> Told:
    for port in ports.values():
        await eventually(lambda port=port: _ready(port), seconds=60, every_seconds=0.2)
    await eventually(lambda: _serves(ports["dispatcher"], parts=4), seconds=30, every_seconds=0.2)
    client = await connect(ConnectionSettings(servers=(url,)), hooks=ConnectionHooks())
    try:
        for name in ("good", "busy", "bad", "away"):
            for number in range(EVENTS):
                event_type = f"com.example.{name}"
                body = event(f"{name}-{number}", event_type=event_type)
                await client.jetstream().publish(events_subject("default", event_type), body)
    finally:
        await client.close()
    dispatcher = await eventually(lambda: _worked(ports["dispatcher"]), seconds=60, every_seconds=0.2)
    return Told(dispatcher, await scrape(ports["operator"]), OF_KUBERNETES)


async def _ready(port: int) -> bool:
    return (await page(port, "/readyz"))[0] == 200


async def _serves(port: int, *, parts: int) -> bool:
    return (await scrape(port)).value("jethook_dispatcher_plan_parts") == parts


async def _worked(port: int) -> Scrape | None:
    found = await scrape(port)
    wanted = (
        found.value("jethook_dispatcher_events_delivered_total", endpoint="good") == EVENTS,
        found.value("jethook_dispatcher_events_dead_lettered_total", endpoint="bad") == EVENTS,
        found.value("jethook_dispatcher_endpoint_limited", endpoint="busy", limited_by="Throttling"),
        found.value("jethook_dispatcher_endpoint_allowed_requests_per_second", endpoint="busy"),
        found.value("jethook_dispatcher_attempt_faults_total", reason="ConnectFailed"),
        found.value("jethook_dispatcher_attempt_log_records_total"),
        len(found.values("jethook_dispatcher_endpoint_circuit", state="closed")) == 4,
    )
    return found if all(wanted) else None
