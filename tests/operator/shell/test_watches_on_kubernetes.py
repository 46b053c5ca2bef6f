"""What kopf's watches show of themselves, and what becomes of an operator whose CRDs go and come back."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from hack.kubernetes import ApiServer
from jethook_contract.errors import Unavailable
from jethook_operator.shell.kube_kinds import COLLECTIONS
from jethook_operator.shell.kube_login import login
from jethook_operator.shell.kube_watch import Watches
from jethook_operator.shell.watch_life import WatchLife
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.shell.documents import ALL
from tests.operator.shell.running_operator import nats_view, running
from tests.operator.shell.tenant import ROOT, Tenant, settings_for

SECONDS = 20.0


async def test_a_watch_that_the_server_accepts_is_a_sign_of_life_though_nothing_is_in_it(
    own_kube: ApiServer, nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(own_kube, nats_server, tmp_path)
    now = 1000.0
    life = WatchLife(COLLECTIONS, answered_at=lambda: now, clock=lambda: now)
    life.begin()
    now = 5000.0
    assert set(life.dead()) == set(COLLECTIONS)
    seen: list[object] = []
    watches = Watches(
        login=partial(login, kubeconfig=settings.kubeconfig, context=None),
        observer=lambda *event: seen.append(event),
        life=life,
    )
    running_watches = asyncio.create_task(watches.run())
    try:
        await eventually(lambda: set(life.ages().values()) == {0.0}, seconds=SECONDS)
        assert life.dead() == ()
        assert seen == []
    finally:
        running_watches.cancel()
        await asyncio.gather(running_watches, return_exceptions=True)


async def test_crds_that_are_deleted_and_made_again_cost_no_backlog(
    own_kube: ApiServer, nats_server: NatsServer, tmp_path: Path
) -> None:
    tenant = Tenant(own_kube, own_kube.new_namespace())
    settings = settings_for(own_kube, nats_server, tmp_path)
    async with nats_view(nats_server.url) as view:
        async with running(settings) as first:
            await tenant.apply(ALL)
            await eventually(tenant.all_ready, seconds=SECONDS)
            await asyncio.to_thread(own_kube.kubectl, "delete", "-f", str(ROOT / "crds"))
            await asyncio.wait({first}, timeout=60)
        assert isinstance(first.exception(), Unavailable)
        async with running(settings) as task:  # the process as it is started anew
            await asyncio.wait({task}, timeout=2)
            assert not task.done()
            await asyncio.to_thread(own_kube.install_crds, ROOT / "crds")
            await tenant.apply(ALL)
            await eventually(tenant.all_ready, seconds=SECONDS)
            assert await view.consumers(tenant.namespace) == {"sub_all"}
