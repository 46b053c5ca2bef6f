"""What the operator tells of its work over `/metrics`, and when it calls itself ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hack.kubernetes import ApiServer
from hack.ports import free_port
from jethook_contract.connection import ConnectionSettings
from jethook_operator.core.metric_families import FAMILIES
from jethook_operator.shell.settings import OperatorSettings
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.scraping import Scrape, page, scrape
from tests.operator.shell.documents import ALL, ENDPOINT
from tests.operator.shell.running_operator import plan_keys, running
from tests.operator.shell.tenant import Tenant, settings_for

JETSTREAM = "jethook_operator_jetstream_requests_total"
RECONCILES = "jethook_operator_reconciles_total"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def settings(tmp_path: Path, nats_server: NatsServer, port: int) -> OperatorSettings:
    folder = tmp_path / "objects"
    folder.mkdir()
    (folder / "all.yaml").write_text(ALL)
    return OperatorSettings(
        install_id="test",
        plan_keys_dir=plan_keys(tmp_path),
        provider="files",
        files_dir=folder,
        nats=ConnectionSettings(servers=(nats_server.url,)),
        metrics=("127.0.0.1", port),
    )


async def scraped(port: int, condition: Callable[[Scrape], object], *, seconds: float = 20.0) -> Scrape:
    """Scrape until the condition holds."""

    async def probe() -> Scrape | None:
        if (await page(port, "/livez"))[0] != 200:
            return None
        found = await scrape(port)
        return found if condition(found) else None

    return await eventually(probe, seconds=seconds, every_seconds=0.1)


async def test_reconciles_and_what_they_made_are_counted(settings: OperatorSettings, port: int) -> None:
    async with running(settings):
        found = await scraped(
            port,
            lambda one: (
                one.value(RECONCILES, kind="Subscription", result="done")
                and one.value(RECONCILES, kind="WebhookEndpoint", result="done")
                and one.value("jethook_operator_workqueue_depth") == 0
            ),
        )
    assert found.value("jethook_operator_objects", kind="Subscription") == 1
    assert found.value(JETSTREAM, operation="CONSUMER.CREATE", result="ok") == 1
    made = found.value(JETSTREAM, operation="STREAM.CREATE", result="ok")
    assert made
    assert made >= 3
    timed = found.value("jethook_operator_reconcile_duration_seconds_count", kind="Subscription")
    assert timed == sum(found.values(RECONCILES, kind="Subscription"))
    assert found.value("jethook_operator_nats_connected") == 1
    assert found.value("jethook_operator_orphans_held") == 0
    assert found.value("jethook_operator_workqueue_oldest_age_seconds") == 0
    assert found.value("jethook_operator_build_info", provider="files") == 1


async def test_every_family_has_its_help_and_type_with_either_provider(settings: OperatorSettings, port: int) -> None:
    async with running(settings):
        found = await scraped(port, lambda one: one.values(RECONCILES))
    told = {name: (one.type, one.documentation) for name, one in found.families.items() if name.startswith("jethook")}
    assert told == {family.name: (family.kind, family.help) for family in FAMILIES}


async def test_an_outage_of_nats_shows_in_reconciles_and_readiness_and_not_in_liveness(
    settings: OperatorSettings, nats_server: NatsServer, port: int
) -> None:
    async with running(settings):
        await eventually(lambda: _answers(port, "/readyz", 200))
        nats_server.stop()
        await eventually(lambda: _answers(port, "/readyz", 503))
        assert settings.files_dir is not None
        (settings.files_dir / "more.yaml").write_text(ENDPOINT.replace("orders", "more"))
        found = await scraped(port, lambda one: one.value(RECONCILES, kind="WebhookEndpoint", result="unavailable"))
        assert found.value("jethook_operator_nats_connected") == 0
        assert found.value("jethook_operator_workqueue_retrying")
        assert await page(port, "/livez") == (200, "ok\n")
        nats_server.start()
        await eventually(lambda: _answers(port, "/readyz", 200))
        await scraped(port, lambda one: one.value("jethook_operator_nats_reconnects_total") == 1)


async def test_it_lives_and_is_not_ready_before_nats_is_there(
    settings: OperatorSettings, nats_server: NatsServer, port: int
) -> None:
    nats_server.stop()
    async with running(settings):
        await eventually(lambda: _answers(port, "/livez", 200))
        assert await page(port, "/readyz") == (503, "not connected to NATS\n")
        nats_server.start()
        await eventually(lambda: _answers(port, "/readyz", 200))


async def test_a_removal_that_is_held_shows(settings: OperatorSettings, port: int) -> None:
    assert settings.files_dir is not None
    subscriptions = settings.files_dir / "many.yaml"
    documents = [
        "apiVersion: jethook.io/v1alpha1\nkind: Subscription\n"
        f"metadata: {{name: many-{number}}}\n"
        'spec: {endpointRef: {name: orders}, eventTypes: ["com.example.**"]}\n'
        for number in range(12)
    ]
    subscriptions.write_text("---\n".join(documents))
    async with running(settings):
        await scraped(port, lambda one: one.value(JETSTREAM, operation="CONSUMER.CREATE", result="ok") == 13)
    subscriptions.unlink()
    async with running(replace(settings, orphan_grace_seconds=0.0)):
        await scraped(port, lambda one: (one.value("jethook_operator_orphans_held") or 0) > 0)


async def test_requests_to_the_kubernetes_api_and_lists_of_watches_are_counted(
    kube: ApiServer, kube_namespace: str, nats_server: NatsServer, tmp_path: Path, port: int
) -> None:
    tenant = Tenant(kube, kube_namespace)
    settings = replace(settings_for(kube, nats_server, tmp_path), metrics=("127.0.0.1", port))
    async with running(settings):
        await tenant.apply(ALL)
        await eventually(tenant.all_ready, seconds=20)
        await eventually(lambda: _answers(port, "/readyz", 200))
        requests = "jethook_operator_api_requests_total"
        found = await scraped(port, lambda one: (one.value(requests, verb="apply", code="2xx") or 0) >= 2)
        assert found.value(requests, verb="get", code="2xx")
        await scraped(port, lambda one: one.value("jethook_operator_watch_lists_total", kind="DispatcherPool"))


async def _answers(port: int, path: str, status: int) -> bool:
    return (await page(port, path))[0] == status
