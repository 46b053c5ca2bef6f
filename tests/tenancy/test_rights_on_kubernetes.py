"""What the example roles let a tenant do, and what they do not, asked of a real API server as that tenant."""

import json
from pathlib import Path

import pytest

from hack.kubernetes import ApiServer

pytestmark = pytest.mark.api

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "tenancy"
MEMBER = ("--as=alice", "--as-group=shop-team", "--as-group=system:authenticated")
SUPPORT = ("--as=bob", "--as-group=shop-support", "--as-group=system:authenticated")
GITOPS = ("--as=system:serviceaccount:shop:gitops", "--as-group=system:authenticated")
SYSTEM = "jethook-system"

ENDPOINT = {
    "apiVersion": "jethook.io/v1alpha1",
    "kind": "WebhookEndpoint",
    "metadata": {"name": "orders"},
    "spec": {"url": "https://hooks.example.com"},
}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"current": "x"}}


@pytest.fixture(scope="module")
def platform(kube: ApiServer) -> ApiServer:
    """Two tenants with an endpoint and a Secret each, and the operator's namespace with a pool and its plan key."""
    kube.kubectl("apply", "-f", str(ROOT / "examples" / "kubernetes"))
    kube.kubectl("apply", "-f", str(EXAMPLES))
    for namespace in ("shop", "books"):
        objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": [ENDPOINT, SECRET]})
        kube.kubectl("apply", "-n", namespace, "-f", "-", stdin=objects)
    pool = {"apiVersion": "jethook.io/v1alpha1", "kind": "DispatcherPool", "metadata": {"name": "default"}, "spec": {}}
    key = SECRET | {"metadata": {"name": "jethook-plan-key-default"}}
    for one in (pool, key):
        kube.kubectl("apply", "-n", SYSTEM, "-f", "-", stdin=json.dumps(one))
    return kube


ALLOWED = [
    (MEMBER, ("get", "whe,whsub", "-n", "shop")),
    (MEMBER, ("annotate", "whe", "orders", "a=b", "--overwrite", "-n", "shop")),
    (MEMBER, ("get", "secret", "keys", "-n", "shop")),
    (SUPPORT, ("get", "whe", "orders", "-n", "shop")),
    (GITOPS, ("annotate", "whe", "orders", "a=b", "--overwrite", "-n", "shop")),
]

STATUS = ("patch", "whe", "orders", "--subresource=status", "--type=merge", "-p", '{"status": {"url": "x"}}')
REFUSED = [
    pytest.param(MEMBER, ("get", "whe", "orders", "-n", "books"), id="read another tenant's endpoint"),
    pytest.param(MEMBER, ("get", "whsub", "-A"), id="read the Subscriptions of all"),
    pytest.param(MEMBER, ("annotate", "whe", "orders", "a=b", "-n", "books"), id="change another's endpoint"),
    pytest.param(MEMBER, ("delete", "whe", "orders", "-n", "books"), id="delete another's endpoint"),
    pytest.param(MEMBER, ("get", "secret", "keys", "-n", "books"), id="read another's Secret"),
    pytest.param(MEMBER, ("get", "secrets", "-n", SYSTEM), id="read the operator's Secrets"),
    pytest.param(MEMBER, ("get", "secret", "jethook-plan-key-default", "-n", SYSTEM), id="read a pool's plan key"),
    pytest.param(MEMBER, ("get", "whpool", "-n", SYSTEM), id="read the pools"),
    pytest.param(MEMBER, ("annotate", "whpool", "default", "a=b", "-n", SYSTEM), id="change a pool"),
    pytest.param(MEMBER, ("scale", "whpool/default", "--replicas=9", "-n", SYSTEM), id="scale a pool"),
    pytest.param(MEMBER, ("delete", "whpool", "default", "-n", SYSTEM), id="delete a pool"),
    pytest.param(MEMBER, (*STATUS, "-n", "shop"), id="write a status"),
    pytest.param(
        MEMBER,
        ("annotate", "namespace", "shop", "jethook.io/events-max-bytes=1Ti", "--overwrite"),
        id="give itself more room",
    ),
    pytest.param(MEMBER, ("delete", "resourcequota", "jethook", "-n", "shop"), id="lift the bound on objects"),
    pytest.param(MEMBER, ("delete", "rolebinding", "jethook-view", "-n", "shop"), id="change who may do what"),
    pytest.param(SUPPORT, ("annotate", "whe", "orders", "a=b", "-n", "shop"), id="support: change an endpoint"),
    pytest.param(SUPPORT, ("get", "secret", "keys", "-n", "shop"), id="support: read a Secret"),
    pytest.param(GITOPS, ("get", "whe", "orders", "-n", "books"), id="its GitOps: read another's endpoint"),
    pytest.param(GITOPS, ("get", "secret", "keys", "-n", "books"), id="its GitOps: read another's Secret"),
]


@pytest.mark.parametrize(("who", "what"), ALLOWED)
def test_a_tenant_works_in_its_own_namespace(platform: ApiServer, who: tuple[str, ...], what: tuple[str, ...]) -> None:
    platform.kubectl(*what, *who)


@pytest.mark.parametrize(("who", "what"), REFUSED)
def test_a_tenant_may_not(platform: ApiServer, who: tuple[str, ...], what: tuple[str, ...]) -> None:
    done = platform.kubectl(*what, *who, check=False)
    assert done.returncode != 0
    assert "(Forbidden)" in done.stderr, done.stderr


@pytest.mark.parametrize("kind", ["WebhookEndpoint", "DispatcherPool"])
def test_a_tenant_creates_nothing_elsewhere(platform: ApiServer, kind: str) -> None:
    spec = {"url": "https://hooks.example.com"} if kind == "WebhookEndpoint" else {}
    one = {"apiVersion": "jethook.io/v1alpha1", "kind": kind, "metadata": {"name": "mine"}, "spec": spec}
    for namespace in ("books", SYSTEM, *(["shop"] if kind == "DispatcherPool" else [])):
        done = platform.kubectl("create", "-n", namespace, "-f", "-", *MEMBER, stdin=json.dumps(one), check=False)
        assert "(Forbidden)" in done.stderr, (namespace, done.stderr)


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("endpointRef", {"endpointRef": {"name": "orders", "namespace": "books"}}),
        ("endpointRef", {"endpointRef": {"name": "books/orders"}}),
    ],
)
def test_a_reference_cannot_name_another_namespace(platform: ApiServer, where: str, change: dict[str, object]) -> None:
    spec = {"endpointRef": {"name": "orders"}, "eventTypes": ["a"]} | change
    one = {"apiVersion": "jethook.io/v1alpha1", "kind": "Subscription", "metadata": {"name": "mine"}, "spec": spec}
    done = platform.kubectl("create", "-n", "shop", "-f", "-", *MEMBER, stdin=json.dumps(one), check=False)
    assert done.returncode != 0
    assert where in done.stderr
