"""Check an installation in a cluster: the operator runs, and every pool is Ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jethook_contract.errors import Unavailable
from jethook_operator.shell.kube import KubeApi
from jethook_operator.shell.kube_kinds import COLLECTIONS

Json = dict[str, Any]
_LOOK_SECONDS = 1.0


async def check_installation(
    api: KubeApi, *, namespace: str, operator: str, timeout_seconds: float, tell: Callable[[str], None]
) -> None:
    """Wait until nothing is lacking; raises Unavailable `NotReady` with what is, at the end of the time."""
    lacking = "no answer of the Kubernetes API"
    try:
        async with asyncio.timeout(timeout_seconds):
            while True:
                pools, lacking = await _look(api, namespace=namespace, operator=operator)
                if not lacking:
                    break
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise Unavailable("NotReady", f"after {timeout_seconds:g} s: {lacking}") from None
    tell(f"the operator runs; Ready: {', '.join(pools)}")


async def _look(api: KubeApi, *, namespace: str, operator: str) -> tuple[list[str], str]:
    """Give the names of the pools, and what is lacking, empty for nothing."""
    try:
        deployment = await api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{operator}")
        pools, _ = await api.list(COLLECTIONS["DispatcherPool"].namespace_path(namespace))
    except Unavailable as exc:
        return [], exc.message
    faults = [_fault_of_operator(deployment), *(_fault_of_pool(pool) for pool in pools)]
    if not pools:
        faults.append(f"there is no DispatcherPool in {namespace}; the operator makes the first")
    return [pool["metadata"]["name"] for pool in pools], "; ".join(fault for fault in faults if fault)


def _fault_of_operator(deployment: Json) -> str:
    status, metadata = deployment.get("status", {}), deployment["metadata"]
    wanted, ready = deployment["spec"].get("replicas", 1), status.get("readyReplicas", 0)
    if status.get("observedGeneration", 0) < metadata["generation"]:
        return f"Deployment {metadata['name']} has not been looked at yet"
    return "" if wanted and ready >= wanted else f"{ready} of {wanted} operators are ready: see their logs"


def _fault_of_pool(pool: Json) -> str:
    status, metadata = pool.get("status", {}), pool["metadata"]
    current = status.get("observedGeneration", -1) == metadata["generation"]
    ready = next((one for one in status.get("conditions", []) if one["type"] == "Ready"), None)
    if not current or ready is None:
        return f"the operator has not looked at pool {metadata['name']} yet"
    return "" if ready["status"] == "True" else f"pool {metadata['name']} is not Ready: {ready.get('message', '')}"
