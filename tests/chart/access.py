"""Ask the API server who may do what: SubjectAccessReview for every verb on every resource that it serves."""

from __future__ import annotations

import functools
import http.client
import json
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from hack.kubernetes import ApiServer

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_GROUPS = ["system:serviceaccounts", "system:authenticated"]
SPECIAL_VERBS = ("bind", "escalate", "impersonate")


class Right(NamedTuple):
    """One verb on one resource, as `deployments.apps` or `secrets`, `.../status` for a subresource."""

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""


def rights(verbs: str, *resources: str, namespace: str = "", name: str = "") -> set[Right]:
    """Give several at once; `verbs` with spaces between them."""
    return {Right(verb, resource, namespace, name) for verb in verbs.split() for resource in resources}


@dataclass(frozen=True)
class Access:
    """Ask about one account."""

    server: ApiServer
    user: str

    def allowed(self, asked: Iterable[Right]) -> set[Right]:
        """Give those that the account has."""
        trust = ssl.create_default_context(cafile=self.server.ca_file)
        connection = http.client.HTTPSConnection("127.0.0.1", self.server.port, timeout=30, context=trust)
        try:
            return {right for right in asked if self._has(connection, right)}
        finally:
            connection.close()

    def own(self, namespace: str) -> set[Right]:
        """Give every right in a namespace ("" for all) that an account without any role does not have."""
        return self.everything(namespace) - _of_everybody(self.server, namespace)

    def everything(self, namespace: str) -> set[Right]:
        """Give every right in a namespace, by asking for each that there is."""
        resources = list(_resources(self.server))
        ordinary = [Right(verb, resource, namespace) for verb in VERBS for resource in resources]
        special = [Right(verb, resource, namespace) for verb in SPECIAL_VERBS for resource in resources]
        return self.allowed([*ordinary, *special])

    def _has(self, connection: http.client.HTTPSConnection, right: Right) -> bool:
        whole, _, subresource = right.resource.partition("/")
        resource, _, group = whole.partition(".")
        attributes = {"verb": right.verb, "group": group, "resource": resource, "subresource": subresource,
                      "namespace": right.namespace, "name": right.name}  # fmt: skip
        spec = {"user": self.user, "groups": _GROUPS, "resourceAttributes": attributes}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        headers = {"Authorization": f"Bearer {self.server.token}", "Content-Type": "application/json"}
        connection.request(
            "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body=json.dumps(body), headers=headers
        )
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return bool(answer["status"]["allowed"])


@functools.cache
def _of_everybody(server: ApiServer, namespace: str) -> set[Right]:
    return Access(server, "system:serviceaccount:default:nobody").everything(namespace)


def _resources(server: ApiServer) -> Iterator[str]:
    """Name every resource that the API server serves, subresources too, and two that it would serve elsewhere."""
    yield from ("pods/exec", "pods/log", "secrets", "nodes/proxy")
    yield "events.jethook.io"
    for kind in ("webhookendpoints", "subscriptions", "dispatcherpools"):
        yield f"{kind}.jethook.io/status"
    yield "dispatcherpools.jethook.io/scale"
    yield "deployments.apps/scale"
    for line in server.kubectl("api-resources", "--output=name").stdout.split():
        if line != "secrets":
            yield line
