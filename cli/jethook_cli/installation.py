"""`jethook installation`: look after an installation in its own cluster; what the chart's hooks and test run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from jethook_cli import options

if TYPE_CHECKING:
    from jethook_operator.shell.kube import KubeApi

app = typer.Typer(help="Check an installation in a cluster, or take its dispatchers down.", no_args_is_help=True)

OperatorNamespace = Annotated[str, typer.Option("--namespace", "-n", help="The operator's own namespace.")]
OperatorDeployment = Annotated[str, typer.Option("--operator", help="Name of the operator's Deployment.")]
Timeout = Annotated[int, typer.Option(min=1, max=3_600, help="Seconds to wait.")]


@app.command("check")
def check(
    namespace: OperatorNamespace = "jethook-system",
    operator: OperatorDeployment = "jethook-operator",
    timeout: Timeout = 120,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
) -> None:
    """Wait until the operator runs and every DispatcherPool is Ready; exit code 1 with what is lacking."""
    from jethook_cli.installation_check import check_installation  # the Kubernetes client: 0.5 s

    async def work(api: KubeApi) -> None:
        await check_installation(api, namespace=namespace, operator=operator, timeout_seconds=timeout, tell=print)

    asyncio.run(_with_api(work, kubeconfig=kubeconfig, context=context))


@app.command("take-down")
def take_down(
    namespace: OperatorNamespace = "jethook-system",
    operator: OperatorDeployment = "jethook-operator",
    timeout: Timeout = 180,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
) -> None:
    """Stop the operator, then remove what it made for its pools, and wait until the last dispatcher has ended.

    DispatcherPools, plan keys and everything in NATS stay: an operator that starts later goes on with them.
    """
    from jethook_cli.take_down import TakeDown  # as above

    async def work(api: KubeApi) -> None:
        await TakeDown(api, namespace=namespace, operator=operator, tell=print).run(timeout_seconds=timeout)

    asyncio.run(_with_api(work, kubeconfig=kubeconfig, context=context))


async def _with_api(
    work: Callable[[KubeApi], Awaitable[None]], *, kubeconfig: options.Kubeconfig, context: options.Context
) -> None:
    from jethook_operator.shell.kube import KubeApi, load_configuration

    api = KubeApi(await load_configuration(kubeconfig=kubeconfig, context=context))
    try:
        await work(api)
    finally:
        await api.close()
