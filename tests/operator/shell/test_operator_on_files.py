"""The whole operator on a folder of files and a real nats-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jethook_contract.connection import ConnectionSettings
from jethook_contract.errors import Invalid
from jethook_operator.shell.settings import OperatorSettings
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.shell.documents import ENDPOINT, SECRET, SUBSCRIPTION
from tests.operator.shell.running_operator import NatsView, condition, nats_view, plan_keys, ready, running

ENDPOINT_KEY = "WebhookEndpoint.default.orders"
SUBSCRIPTION_KEY = "Subscription.default.all"
PLAN_KEY = "default.orders.all"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "objects"
    path.mkdir()
    for name, text in (("endpoint", ENDPOINT), ("subscription", SUBSCRIPTION), ("secret", SECRET)):
        (path / f"{name}.yaml").write_text(text)
    return path


@pytest.fixture
def settings(tmp_path: Path, folder: Path, nats_server: NatsServer) -> OperatorSettings:
    return OperatorSettings(
        install_id="test",
        plan_keys_dir=plan_keys(tmp_path),
        provider="files",
        files_dir=folder,
        nats=ConnectionSettings(servers=(nats_server.url,)),
    )


@pytest.fixture
async def view(nats_server: NatsServer) -> AsyncIterator[NatsView]:
    async with nats_view(nats_server.url) as found:
        yield found


async def is_ready(view: NatsView, key: str, status: str = "True") -> bool:
    return ready(await view.object(key)) == status


async def test_files_become_consumers_a_plan_and_statuses(settings: OperatorSettings, view: NatsView) -> None:
    async with running(settings):
        for key in (ENDPOINT_KEY, SUBSCRIPTION_KEY, "DispatcherPool.jethook-system.default"):
            await eventually(lambda key=key: is_ready(view, key))
    endpoint = await view.object(ENDPOINT_KEY)
    assert endpoint["spec"]["url"] == "https://a.example/x"
    assert endpoint["status"]["observedGeneration"] == endpoint["metadata"]["generation"]
    assert await view.consumers() == {"sub_all"}
    part = (await view.plan())[PLAN_KEY]
    assert part["state"] == "Active"
    assert "whsec" not in str(part)
    assert not [key for key in await view.objects() if key.startswith("Secret")]


async def test_a_restart_on_unchanged_files_writes_nothing(settings: OperatorSettings, view: NatsView) -> None:
    async with running(settings):
        await eventually(lambda: is_ready(view, ENDPOINT_KEY))
        await eventually(lambda: is_ready(view, SUBSCRIPTION_KEY))
    before = await view.objects()
    async with running(settings):
        settings.files_dir.joinpath("marker.yaml").write_text(ENDPOINT.replace("orders", "marker"))  # type: ignore[union-attr] # the fixture sets it
        await eventually(lambda: is_ready(view, "WebhookEndpoint.default.marker"))
    after = await view.objects()
    after.pop("WebhookEndpoint.default.marker")
    assert after == before


async def test_a_late_secret_makes_its_endpoint_ready(settings: OperatorSettings, view: NatsView, folder: Path) -> None:
    (folder / "secret.yaml").unlink()
    async with running(settings):
        await eventually(lambda: is_ready(view, ENDPOINT_KEY, "False"))
        assert await view.consumers() == {"sub_all"}, "the backlog waits though the Secret is missing"
        (folder / "secret.yaml").write_text(SECRET)
        await eventually(lambda: is_ready(view, ENDPOINT_KEY))


async def test_a_secret_without_the_label_is_named_with_the_cure(
    settings: OperatorSettings, view: NatsView, folder: Path
) -> None:
    (folder / "secret.yaml").write_text(SECRET.replace(', labels: {jethook.io/use: "true"}', ""))
    async with running(settings):
        await eventually(lambda: is_ready(view, ENDPOINT_KEY, "False"))
        message = condition(await view.object(ENDPOINT_KEY), "Ready")["message"]
        assert "jethook.io/use=true" in message
        (folder / "secret.yaml").write_text(SECRET)
        await eventually(lambda: is_ready(view, ENDPOINT_KEY))


async def test_an_unknown_field_is_refused_in_the_status(
    settings: OperatorSettings, view: NatsView, folder: Path
) -> None:
    (folder / "endpoint.yaml").write_text(ENDPOINT + "  surprise: 1\n")
    async with running(settings):
        await eventually(lambda: is_ready(view, ENDPOINT_KEY, "False"))
    found = await view.object(ENDPOINT_KEY)
    assert condition(found, "Stalled")["status"] == "True"
    assert "spec.surprise" in condition(found, "Stalled")["message"]


async def test_the_first_statuses_are_written_though_every_object_and_a_file_are_broken(
    settings: OperatorSettings, view: NatsView, folder: Path
) -> None:
    (folder / "endpoint.yaml").write_text(ENDPOINT + "  surprise: 1\n")
    (folder / "subscription.yaml").write_text(SUBSCRIPTION.replace("endpointRef", "endpoint"))
    (folder / "secret.yaml").write_text("kind: [")
    async with running(settings):
        for key in (ENDPOINT_KEY, SUBSCRIPTION_KEY):
            await eventually(lambda key=key: is_ready(view, key, "False"))
    assert "spec.endpointRef" in condition(await view.object(SUBSCRIPTION_KEY), "Stalled")["message"]


async def test_a_removed_file_removes_the_plan_and_the_object_and_keeps_the_consumer(
    settings: OperatorSettings, view: NatsView, folder: Path
) -> None:
    async with running(settings):
        await eventually(lambda: is_ready(view, SUBSCRIPTION_KEY))
        (folder / "subscription.yaml").unlink()

        async def gone() -> bool:
            return PLAN_KEY not in await view.plan() and SUBSCRIPTION_KEY not in await view.objects()

        await eventually(gone)
    assert await view.consumers() == {"sub_all"}, "its grace is a day"


async def test_what_went_while_no_operator_ran_leaves_the_bucket(
    settings: OperatorSettings, view: NatsView, folder: Path
) -> None:
    async with running(settings):
        await eventually(lambda: is_ready(view, ENDPOINT_KEY))
    (folder / "endpoint.yaml").unlink()
    async with running(settings):

        async def gone() -> bool:
            return ENDPOINT_KEY not in await view.objects()

        await eventually(gone)


async def test_nothing_is_removed_while_a_file_is_broken(
    settings: OperatorSettings, view: NatsView, folder: Path
) -> None:
    async with running(settings):
        await eventually(lambda: is_ready(view, SUBSCRIPTION_KEY))
        (folder / "endpoint.yaml").write_text(ENDPOINT[:70])
        (folder / "subscription.yaml").unlink()
        (folder / "marker.yaml").write_text(ENDPOINT.replace("orders", "marker"))
        await eventually(lambda: is_ready(view, "WebhookEndpoint.default.marker"))
        assert {ENDPOINT_KEY, SUBSCRIPTION_KEY} <= set(await view.objects())
        assert PLAN_KEY in await view.plan()
        (folder / "endpoint.yaml").write_text(ENDPOINT)

        async def gone() -> bool:
            return SUBSCRIPTION_KEY not in await view.objects()

        await eventually(gone)


async def test_objects_come_back_after_nats_lost_everything(
    settings: OperatorSettings, view: NatsView, nats_server: NatsServer
) -> None:
    async with running(settings):
        await eventually(lambda: is_ready(view, ENDPOINT_KEY))
        nats_server.kill()
        for path in sorted(nats_server.store.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        nats_server.start()

        async def back() -> bool:
            try:
                return await is_ready(view, SUBSCRIPTION_KEY) and await view.consumers() == {"sub_all"}
            except (OSError, TimeoutError):
                return False

        await eventually(back, seconds=30)


async def test_the_operator_waits_for_nats(settings: OperatorSettings, view: NatsView, nats_server: NatsServer) -> None:
    nats_server.stop()
    async with running(settings) as task:
        await asyncio.wait({task}, timeout=1.0)
        assert not task.done()
        nats_server.start()
        await eventually(lambda: is_ready(view, ENDPOINT_KEY), seconds=20)


async def test_the_operator_that_waits_for_nats_can_be_stopped(
    settings: OperatorSettings, nats_server: NatsServer
) -> None:
    nats_server.stop()
    async with running(settings) as task:
        pass
    assert task.exception() is None


async def test_a_folder_that_is_missing_ends_the_process_with_the_cure(
    settings: OperatorSettings, folder: Path
) -> None:
    folder.rename(folder.with_name("elsewhere"))
    async with running(settings) as task:
        await asyncio.wait({task}, timeout=10)
    assert isinstance(task.exception(), Invalid)
    assert "--files" in str(task.exception())
