"""The Kubernetes API as the dispatcher uses it: one request, server-side apply of a status."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException

from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.names import DISPATCHER_MANAGER

GROUP = "jethook.io"
VERSION = "v1alpha1"
PLURALS: Mapping[str, str] = {"WebhookEndpoint": "webhookendpoints", "Subscription": "subscriptions"}
REQUEST_TIMEOUT_SECONDS = 10.0
MAX_CONNECTIONS = 8
_REASONS = {403: "Forbidden", 404: "NotFound", 409: "Conflict", 429: "TooManyRequests"}
_FIRST_SERVER_FAULT = 500


class KubeClient:
    """Apply statuses; made by `open`, ended by `close`. `server_url` is the API server's address."""

    def __init__(self, configuration: client.Configuration) -> None:
        configuration.connection_pool_maxsize = MAX_CONNECTIONS
        self.server_url: str = configuration.host
        self._api: Any = client.ApiClient(configuration)  # its methods have no types
        self._objects = client.CustomObjectsApi(self._api)

    @classmethod
    async def open(cls, kubeconfig: Path | None, *, context: str | None = None) -> Self:
        """Read the credentials: a named kubeconfig or context, else the Pod's own account, else the usual kubeconfig.

        Raises Invalid `NoCluster` when there are none.
        """
        configuration = client.Configuration()
        untyped: Any = config
        try:
            if kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
                untyped.load_incluster_config(client_configuration=configuration)
            else:
                await untyped.load_kube_config(
                    config_file=str(kubeconfig) if kubeconfig else None,
                    context=context,
                    client_configuration=configuration,
                )
        except (config.ConfigException, OSError) as exc:
            raise Invalid(
                "NoCluster", f"no credentials for a Kubernetes API: {exc}; give --kubeconfig or --context"
            ) from exc
        return cls(configuration)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def apply_status(
        self, kind: str, *, namespace: str, name: str, status: Mapping[str, object], dry_run: str | None = None
    ) -> str:
        """Apply the dispatcher's part of a status and give the object's UID; `dry_run="All"` changes nothing.

        Raises Unavailable: `NotFound`, `Forbidden`, `Conflict`, `TooManyRequests`, `Refused` (the server does not take
        this document), `APIServerUnreachable`.
        """
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "status": status,
        }
        try:
            answer: Any = await self._objects.patch_namespaced_custom_object_status(
                GROUP,
                VERSION,
                namespace,
                PLURALS[kind],
                name,
                body,
                dry_run=dry_run,
                field_manager=DISPATCHER_MANAGER,
                force=True,
                _content_type="application/apply-patch+yaml",
                _request_timeout=REQUEST_TIMEOUT_SECONDS,
            )
        except ApiException as exc:
            raise _refusal(exc) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise Unavailable("APIServerUnreachable", f"no answer: {type(exc).__name__}") from exc
        return str(answer["metadata"]["uid"])


def _refusal(exc: ApiException) -> Unavailable:
    status = exc.status or 0
    default = "Refused" if 0 < status < _FIRST_SERVER_FAULT else "APIServerUnreachable"
    return Unavailable(_REASONS.get(status, default), f"the API server answers {status} {exc.reason or ''}".strip())
