"""Take the dispatchers of an installation down, as before an uninstall: the pools stay, nothing of theirs runs.

The order: (1) the operator, which would put everything back; (2) the dispatchers, which finish what they deliver and
still need their rights for it; (3) what was made beside them. Each step finds by itself what is left of an earlier run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from jethook_contract.errors import Unavailable
from jethook_operator.shell.kube import KubeApi

Json = dict[str, Any]
Answer = TypeVar("Answer")
DISPATCHERS = "app.kubernetes.io/name=jethook-dispatcher"
MADE_BY_OPERATOR = f"{DISPATCHERS},app.kubernetes.io/managed-by=jethook-operator"
_LOOK_SECONDS = 1.0
_IN_BACKGROUND = {"propagationPolicy": "Background"}  # what it owns goes too; nothing hangs in Terminating for it
_MERGE_PATCH = "application/merge-patch+json"
_PASSING = frozenset({"APIServerUnreachable", "TooManyRequests", "Conflict"})
_RBAC = "/apis/rbac.authorization.k8s.io/v1"


class TakeDown:
    """Do it in one namespace; `tell` hears of each step."""

    def __init__(self, api: KubeApi, *, namespace: str, operator: str, tell: Callable[[str], None]) -> None:
        self._api = api
        self._namespace = namespace
        self._operator = operator
        self._tell = tell
        self._waits_for = "an answer of the Kubernetes API"

    async def run(self, *, timeout_seconds: float) -> None:
        """Do all of it; raises Unavailable `StillThere` with what is left, or the refusal of the API server."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._stop_operator()
                await self._remove(f"/apis/apps/v1/namespaces/{self._namespace}/deployments")
                await self._until_no_pods(DISPATCHERS, what="dispatchers")
                await self._remove_the_rest()
        except TimeoutError:
            message = f"after {timeout_seconds:g} s there is still {self._waits_for}; run it again to go on waiting"
            raise Unavailable("StillThere", message) from None
        self._tell("nothing of the pools runs any more; the pools themselves, plan keys and events stay")

    async def _stop_operator(self) -> None:
        path = f"/apis/apps/v1/namespaces/{self._namespace}/deployments/{self._operator}"
        found = await self._patiently(partial(self._api.get, path))
        if found is None:
            self._tell(f"no operator: there is no Deployment {self._namespace}/{self._operator}")
            return
        none = {"spec": {"replicas": 0}}
        stop = partial(self._api.request, "PATCH", f"{path}/scale", body=none, content_type=_MERGE_PATCH)
        await self._patiently(stop)
        await self._until_no_pods(_selector(found["spec"]["selector"]["matchLabels"]), what="the operator")

    async def _remove_the_rest(self) -> None:
        core, own = "/api/v1", f"namespaces/{self._namespace}"
        await self._remove(f"/apis/policy/v1/{own}/poddisruptionbudgets")
        await self._remove(f"/apis/networking.k8s.io/v1/{own}/networkpolicies")
        await self._remove(f"{core}/{own}/serviceaccounts")
        # Bindings lie in other namespaces, or in none, so that no owner takes them along.
        await self._remove(f"{_RBAC}/rolebindings", only=self._binds_ours)
        await self._remove(f"{_RBAC}/clusterrolebindings", only=self._binds_ours)

    async def _remove(self, collection: str, *, only: Callable[[Json], bool] = lambda _: True) -> None:
        for item in await self._listed(collection, MADE_BY_OPERATOR):
            if only(item):
                path = _object_path(collection, item["metadata"])
                await self._patiently(partial(self._api.request, "DELETE", path, query=_IN_BACKGROUND))
                self._tell(f"deleted {path.rpartition('/v1/')[2]}")

    async def _until_no_pods(self, selector: str, *, what: str) -> None:
        while pods := await self._listed(f"/api/v1/namespaces/{self._namespace}/pods", selector):
            names = ", ".join(sorted(pod["metadata"]["name"] for pod in pods)[:5])
            self._waits_for = f"{what}: {len(pods)} pods, among them {names}"
            await asyncio.sleep(_LOOK_SECONDS)
        self._tell(f"stopped: {what}")

    def _binds_ours(self, binding: Json) -> bool:
        """Tell whether a binding is for this namespace's accounts: another installation's are not ours to remove."""
        subjects: Sequence[Json] = binding.get("subjects") or ()
        return any(subject.get("namespace") == self._namespace for subject in subjects)

    async def _listed(self, collection: str, selector: str) -> list[Json]:
        found = await self._patiently(partial(self._api.list, collection, selector=selector))
        return found[0] if found is not None else []

    async def _patiently(self, call: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """Ask until there is an answer; None when there is no such thing."""
        while True:
            try:
                return await call()
            except Unavailable as exc:
                if exc.reason == "NotFound":
                    return None
                if exc.reason not in _PASSING:
                    raise
            await asyncio.sleep(_LOOK_SECONDS)


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _object_path(collection: str, metadata: Json) -> str:
    """Give an object's path; the collection may be that of every namespace."""
    namespace = metadata.get("namespace")
    if namespace and "/namespaces/" not in collection:
        root, _, plural = collection.rpartition("/")
        collection = f"{root}/namespaces/{namespace}/{plural}"
    return f"{collection}/{metadata['name']}"
