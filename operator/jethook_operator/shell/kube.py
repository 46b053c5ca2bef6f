"""The Kubernetes API: the only place that builds its client, and the few requests that the operator makes.

Answers are raw JSON objects. Every failure is Unavailable; its reason tells the kinds apart (`NotFound`, `Forbidden`,
`Refused`, `APIServerUnreachable`), its message names the permission or the CRD that is missing.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes.aio import client, config

from jethook_contract.errors import Invalid, Unavailable
from jethook_operator.shell.kube_patience import Patience

Json = dict[str, Any]
JSON = "application/json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
APPLY = "application/apply-patch+yaml"
_TIMEOUT_SECONDS = 30.0
_WATCH_SECONDS = 240
_PAGE = 500
_VERBS = {"GET": "get", "PATCH": "apply", "POST": "create", "PUT": "update", "DELETE": "delete"}
_REASONS = {403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired", 429: "TooManyRequests"}


class KubeApi:
    """Ask the API server; close it in the end. `requests` counts by verb and class of the answer's status.

    `answered_at`: when the server last answered anything but an error of its own, monotonic seconds. `fence` is asked
    before each request that changes something; it raises when this process must not work.
    """

    def __init__(self, configuration: client.Configuration, *, fence: Callable[[], None] = lambda: None) -> None:
        self.requests: Counter[tuple[str, ...]] = Counter()
        self.answered_at = -math.inf
        self._fence = fence
        self._patience = Patience()
        self._client: Any = client.ApiClient(configuration)  # its methods have no types

    async def get(self, path: str, *, accept: str = JSON) -> Json:
        """Read one object, in the form that `accept` asks for."""
        return await self.request("GET", path, accept=accept)

    async def list(self, path: str, *, selector: str = "") -> tuple[list[Json], str]:
        """List a whole collection in pages; give its items and the list's resource version."""
        items: list[Json] = []
        query = {"limit": str(_PAGE)} | ({"labelSelector": selector} if selector else {})
        while True:
            page = await self.request("GET", path, query=query)
            items += page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return items, page["metadata"]["resourceVersion"]
            query = query | {"continue": token}

    async def apply(self, path: str, body: Mapping[str, object], *, manager: str) -> Json:
        """Server-side apply, by force; give the object as it is then."""
        query = {"fieldManager": manager, "force": "true"}
        return await self.request("PATCH", path, query=query, body=body, content_type=APPLY)

    async def create(self, path: str, body: Mapping[str, object]) -> Json:
        """Create an object."""
        return await self.request("POST", path, body=body)

    async def delete(self, path: str) -> None:
        """Delete an object; one that is gone is no error."""
        try:
            await self.request("DELETE", path)
        except Unavailable as exc:
            if exc.reason != "NotFound":
                raise

    async def watch(self, path: str, *, selector: str, version: str) -> AsyncIterator[Json]:
        """Give the metadata of each object that changes after a resource version, for four minutes at most.

        Ends early when the version is too old for a watch: list again. Raises Unavailable as `request` does.
        """
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCH_SECONDS)}
        await self._patience.wait()
        try:
            serialized = await self._client.param_serialize(
                "GET", path, query_params=list((query | {"labelSelector": selector}).items()),
                header_params={"Accept": METADATA_ONLY}, auth_settings=["BearerToken"],
            )  # fmt: skip
            answer = await self._client.call_api(*serialized, _request_timeout=_WATCH_SECONDS + _TIMEOUT_SECONDS)
            self.requests["watch", f"{answer.status // 100}xx"] += 1
            if answer.status != 200:  # noqa: PLR2004 -- the only success of a GET
                raise _refusal(answer.status, await answer.read(), request=f"WATCH {path}")
            async with answer.response:
                async for line in answer.response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return
                    yield event["object"]
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            what = str(exc) or type(exc).__name__
            raise Unavailable("APIServerUnreachable", f"a watch of the Kubernetes API ended: {what}") from exc

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Json:
        """Make one request with a bound on its time; raise Unavailable for whatever is no success.

        It waits first while the server wants to be left alone.
        """
        headers = {"Accept": accept, "Content-Type": content_type}
        await self._patience.wait()
        if method != "GET":
            self._fence()
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                serialized = await self._client.param_serialize(
                    method, path, query_params=list((query or {}).items()), header_params=headers, body=body,
                    auth_settings=["BearerToken"],
                )  # fmt: skip
                response = await self._client.call_api(*serialized)
                data = await response.read()
        except (aiohttp.ClientError, OSError) as exc:
            self._patience.unanswered()
            self.requests[_VERBS.get(method, method), "none"] += 1
            what = str(exc) or type(exc).__name__
            raise Unavailable("APIServerUnreachable", f"the Kubernetes API does not answer: {what}") from exc
        self._patience.answered(response.status, retry_after=response.headers.get("Retry-After"))
        self.requests[_VERBS.get(method, method), f"{response.status // 100}xx"] += 1
        if response.status < 500:  # noqa: PLR2004 -- the server's own errors
            self.answered_at = time.monotonic()
        if not 200 <= response.status < 300:  # noqa: PLR2004 -- the range of success in HTTP
            raise _refusal(response.status, data, request=f"{method} {path}")
        answer: Json = json.loads(data)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


async def load_configuration(*, kubeconfig: Path | None, context: str | None) -> client.Configuration:
    """Find the cluster: a named kubeconfig or context, else the Pod's own account, else the usual kubeconfig.

    Raises Invalid `NoCluster` when there is none.
    """
    configuration = client.Configuration()
    untyped: Any = config
    try:
        if kubeconfig is None and context is None and in_cluster():
            untyped.load_incluster_config(client_configuration=configuration)
        else:
            path = str(kubeconfig) if kubeconfig else None
            await untyped.load_kube_config(config_file=path, context=context, client_configuration=configuration)
    except (config.ConfigException, OSError) as exc:
        raise Invalid("NoCluster", f"no cluster to talk to: {exc}; give --kubeconfig or --context") from exc
    return configuration


def in_cluster() -> bool:
    """Tell whether this process runs in a Pod."""
    return "KUBERNETES_SERVICE_HOST" in os.environ


def _refusal(status: int, data: bytes, *, request: str) -> Unavailable:
    try:
        message = str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        message = "no reason given"
    default = "Refused" if status < 500 else "APIServerUnreachable"  # noqa: PLR2004 -- the server's own errors
    return Unavailable(_REASONS.get(status, default), f"{request} answers {status}: {message}")
