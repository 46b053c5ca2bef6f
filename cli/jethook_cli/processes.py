"""`jethook operator` and `jethook dispatcher`: the two processes of an installation."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jethook_cli import monitoring_options, operator_options, options, pool_options
from jethook_contract.connection import ConnectionSettings
from jethook_contract.errors import Invalid
from jethook_contract.names import DEFAULT_POOL
from jethook_contract.nats_permissions import OPERATOR_INBOX, dispatcher_inbox

Main = Callable[[asyncio.Event], Awaitable[int | None]]


class Provider(StrEnum):
    """Where objects come from."""

    KUBERNETES = "kubernetes"
    FILES = "files"


def operator(
    install_id: Annotated[
        str, typer.Option(envvar="JETHOOK_INSTALL_ID", help="Marks what this installation owns in NATS.")
    ],
    plan_keys: pool_options.PlanKeys = None,
    provider: Annotated[Provider, typer.Option(help="Read objects from a cluster or from a folder.")] = (
        Provider.KUBERNETES
    ),
    files: Annotated[Path | None, typer.Option(help="The folder of YAML, for --provider files.")] = None,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="The operator's own namespace; pools count only there.")
    ] = "jethook-system",
    orphan_grace: operator_options.OrphanGrace = 86_400,
    orphan_hold_percent: operator_options.OrphanHoldPercent = 20,
    events_max_bytes: operator_options.EventsMaxBytes = None,
    stream_replicas: operator_options.StreamReplicas = 1,
    resync_seconds: operator_options.ResyncSeconds = 600,
    workers: operator_options.Workers = 8,
    leader_elect: operator_options.LeaderElect = False,
    metrics: monitoring_options.Metrics = None,
    nats: options.NatsUrls = None,
    nats_credentials: options.NatsCredentials = None,
    nats_tls: options.NatsTls = None,
    dispatcher_image: pool_options.Image = None,
    dispatcher_image_pull_policy: pool_options.ImagePullPolicy = pool_options.PullPolicy.IF_NOT_PRESENT,
    dispatcher_image_pull_secret: pool_options.ImagePullSecrets = None,
    dispatcher_nats: pool_options.NatsUrls = None,
    dispatcher_nats_credentials: pool_options.NatsCredentials = None,
    dispatcher_nats_tls: pool_options.NatsTls = None,
    dispatcher_cluster_role: pool_options.ClusterRole = "jethook-dispatcher",
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
) -> None:
    """Reconcile endpoints, subscriptions and pools into streams, consumers and plans."""
    from jethook_operator.shell.main import run  # kopf and kubernetes: 0.8 s
    from jethook_operator.shell.settings import OperatorSettings

    if provider is Provider.FILES and files is None:
        raise Invalid("NoFolder", "--provider files needs --files FOLDER")
    if provider is Provider.FILES and dispatcher_image is not None:
        raise Invalid("NoCluster", "--dispatcher-image makes Deployments; leave it out with --provider files")
    pool_options.check_plan_keys(plan_keys, image=dispatcher_image)
    nats_settings = _nats(nats, nats_credentials, "jethook-operator", tls=nats_tls, inbox=OPERATOR_INBOX)
    if leader_elect and provider is Provider.FILES:
        raise Invalid("NoElection", "--leader-elect needs --provider kubernetes: the election is held in its API")
    operator_options.check_replicas(stream_replicas)
    settings = OperatorSettings(
        install_id=install_id,
        plan_keys_dir=plan_keys,
        provider=provider.value,
        files_dir=files,
        nats=nats_settings,
        dispatchers=pool_options.child_settings(
            dispatcher_image,
            namespace=namespace,
            nats=tuple(dispatcher_nats or nats_settings.servers),
            pull_policy=dispatcher_image_pull_policy,
            pull_secrets=dispatcher_image_pull_secret,
            credentials=dispatcher_nats_credentials,
            tls=dispatcher_nats_tls,
            cluster_role=dispatcher_cluster_role,
        ),
        namespace=namespace,
        orphan_grace_seconds=float(orphan_grace),
        orphan_hold_percent=orphan_hold_percent,
        events_max_bytes=events_max_bytes,
        stream_replicas=stream_replicas,
        resync_seconds=float(resync_seconds),
        workers=workers,
        leader_elect=leader_elect,
        metrics=monitoring_options.address(metrics),
        kubeconfig=kubeconfig,
        context=context,
    )
    raise typer.Exit(run_process(lambda stop: run(settings, stop=stop)))


def dispatcher(
    plan_key: Annotated[
        Path, typer.Option(envvar="JETHOOK_PLAN_KEY", help="File of the pool's Fernet keys, one a line.")
    ],
    pool: Annotated[str, typer.Option(envvar="JETHOOK_POOL", help="The DispatcherPool to work for.")] = DEFAULT_POOL,
    member: Annotated[
        str | None,
        typer.Option(
            envvar="JETHOOK_MEMBER",
            help="This process in the pool; a name never used twice. Host name and a random part unless told.",
        ),
    ] = None,
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="Write delivery status onto the resources of the cluster too.")
    ] = False,
    drain_seconds: Annotated[int, typer.Option(min=1, help="Bound on finishing what is in flight at the end.")] = 25,
    tracing: Annotated[
        bool,
        typer.Option(
            "--tracing",
            envvar="JETHOOK_TRACING",
            help="Export a span of each attempt, as the standard OTEL_ variables say; needs the extra `tracing`.",
        ),
    ] = False,
    metrics: monitoring_options.Metrics = None,
    metrics_endpoints: monitoring_options.MetricsEndpoints = 1_000,
    nats: options.NatsUrls = None,
    nats_credentials: options.NatsCredentials = None,
    nats_tls: options.NatsTls = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
) -> None:
    """Deliver: pull events, sign, send, retry, dead-letter, report."""
    from jethook_dispatcher.shell.main import run  # aiohttp: 0.3 s
    from jethook_dispatcher.shell.settings import DispatcherSettings, default_member

    settings = DispatcherSettings(
        pool=pool,
        member=member or default_member(),
        protected=_api_server_of_pod(),
        nats=_nats(nats, nats_credentials, "jethook-dispatcher", tls=nats_tls, inbox=dispatcher_inbox(pool)),
        plan_keys_file=plan_key,
        kubernetes=kubernetes,
        kubeconfig=kubeconfig,
        context=context,
        drain_seconds=float(drain_seconds),
        tracing=tracing,
        metrics=monitoring_options.address(metrics),
        metrics_endpoints=metrics_endpoints,
    )
    raise typer.Exit(run_process(lambda stop: run(settings, stop=stop)))


def _api_server_of_pod() -> tuple[tuple[str, int], ...]:
    """Name the API server that a Pod is told of: no delivery may reach it, with or without `--kubernetes`."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return ((host, int(port)),) if host and port.isdigit() else ()


def _nats(
    urls: list[str] | None, credentials: Path | None, name: str, *, tls: Path | None, inbox: str
) -> ConnectionSettings:
    return ConnectionSettings(
        servers=options.nats_settings(urls, None, credentials).servers,
        name=name,
        credentials_file=str(credentials) if credentials else None,
        tls_folder=str(tls) if tls else None,
        inbox_prefix=inbox,
    )


def run_process(main: Main) -> int:
    """Run a process on uvloop until SIGTERM or SIGINT; give its exit code."""
    import uvloop

    async def until_stopped() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        return await main(stop) or 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(until_stopped())
