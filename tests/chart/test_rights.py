"""Who may do what once the chart is installed: every verb on every resource is asked for, and none more is had."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest
import yaml

from hack.kubernetes import ApiServer
from tests.chart.access import Access, Right, rights
from tests.chart.chart import NAMESPACE, PLAIN, documents, render

pytestmark = pytest.mark.api
RBAC = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
ELSEWHERE = "team-a"
BINDINGS = ("rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io")
KINDS = ("webhookendpoints.jethook.io", "subscriptions.jethook.io", "dispatcherpools.jethook.io")

OF_OPERATOR_EVERYWHERE = (
    rights("list watch", *KINDS)
    | rights("patch", *(f"{kind}/status" for kind in KINDS))
    | rights("get", "namespaces")
    | rights("create patch", "events")
    | rights("get list create patch delete", *BINDINGS)
)
SECRETS = rights("get list watch", "secrets")
OF_OPERATOR_AT_HOME = (
    rights("create", "dispatcherpools.jethook.io", "leases.coordination.k8s.io")
    | rights("get list watch create patch", "deployments.apps")
    | rights("get create patch", "serviceaccounts", "poddisruptionbudgets.policy", "networkpolicies.networking.k8s.io")
    | rights("list", "pods")
    | rights("get create", "secrets")
)
OF_TAKE_DOWN_AT_HOME = (
    rights("list delete", "deployments.apps", "serviceaccounts")
    | rights("list delete", "poddisruptionbudgets.policy", "networkpolicies.networking.k8s.io")
    | rights("list", "pods")
)


@pytest.fixture(scope="module")
def installed(cluster: ApiServer) -> ApiServer:
    """Give the API server with the chart's roles in force, those of its hooks too."""
    roles = [one for one in documents(render(PLAIN)) if one["kind"] in RBAC]
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=yaml.safe_dump_all(roles))
    return cluster


def test_the_operator_has_what_it_needs_everywhere_and_no_more(installed: ApiServer) -> None:
    found = _account(installed, "jethook-operator").own("")
    assert found == OF_OPERATOR_EVERYWHERE | SECRETS


def test_the_operator_has_what_it_needs_at_home_and_no_more(installed: ApiServer) -> None:
    found = _account(installed, "jethook-operator").own(NAMESPACE)
    everywhere = OF_OPERATOR_EVERYWHERE | SECRETS
    assert found == _in(NAMESPACE, everywhere | OF_OPERATOR_AT_HOME)


def test_the_operator_has_one_lease_and_may_bind_one_role(installed: ApiServer) -> None:
    operator = _account(installed, "jethook-operator")
    lease, role = "leases.coordination.k8s.io", "clusterroles.rbac.authorization.k8s.io"
    own = rights("get update", lease, namespace=NAMESPACE, name="jethook-operator")
    one = rights("bind", role, name="jethook-dispatcher")
    others = {
        *rights("get update patch delete", lease, namespace=NAMESPACE, name="another"),
        *rights("get update", lease, namespace=ELSEWHERE, name="jethook-operator"),
        *rights("bind escalate", role, name="cluster-admin"),
        *rights("escalate", role, name="jethook-dispatcher"),
    }
    assert operator.allowed(own | one | others) == own | one


@pytest.mark.parametrize(("role", "refused"), [("jethook-dispatcher", False), ("cluster-admin", True)])
def test_the_operator_can_give_dispatchers_their_role_and_nobody_another(
    installed: ApiServer, role: str, *, refused: bool
) -> None:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "tried"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "any", "namespace": NAMESPACE}],
    }
    done = installed.kubectl(
        "create", "--dry-run=server", "--filename=-", f"--as={_user('jethook-operator')}",
        stdin=json.dumps(binding), check=False,
    )  # fmt: skip
    assert (done.returncode != 0) == refused, done.stderr
    assert not refused or "attempting to grant RBAC permissions not currently held" in done.stderr


def test_a_dispatcher_patches_statuses_and_nothing_else(installed: ApiServer) -> None:
    with _bound(installed, "jethook-dispatcher", to="jethook-dispatcher-default"):
        found = _account(installed, "jethook-dispatcher-default").own("")
    assert found == rights("patch", "webhookendpoints.jethook.io/status", "subscriptions.jethook.io/status")


def test_a_publisher_publishes_and_nothing_else(installed: ApiServer) -> None:
    with _bound(installed, "jethook-publisher", to="shop"):
        found = _account(installed, "shop").own("")
    assert found == rights("create", "events.jethook.io")


def test_the_take_down_removes_what_the_operator_made_and_nothing_else(installed: ApiServer) -> None:
    account = _account(installed, "jethook-take-down")
    bindings = rights("list delete", *BINDINGS)
    assert account.own("") == bindings
    assert account.own(NAMESPACE) == _in(NAMESPACE, bindings | OF_TAKE_DOWN_AT_HOME)
    scale = {Right("patch", "deployments.apps/scale", NAMESPACE, name) for name in ("jethook-operator", "another")}
    assert {one.name for one in account.allowed(scale)} == {"jethook-operator"}


def test_the_test_of_the_chart_reads_and_nothing_else(installed: ApiServer) -> None:
    account = _account(installed, "jethook-test")
    assert account.own("") == set()
    assert account.own(NAMESPACE) == _in(NAMESPACE, rights("list", "dispatcherpools.jethook.io"))


def test_a_viewer_sees_every_kind_and_an_editor_changes_them(installed: ApiServer) -> None:
    with _bound(installed, "jethook-view", to="viewer"), _bound(installed, "jethook-edit", to="editor"):
        seen = _account(installed, "viewer").own("")
        changed = _account(installed, "editor").own("")
    assert seen == rights("get list watch", *KINDS)
    assert changed == rights("create update patch delete deletecollection", *KINDS) | rights(
        "get update patch", "dispatcherpools.jethook.io/scale"
    )


# The controller that fills aggregated roles does not run here: what it goes by is looked at.
@pytest.mark.parametrize(
    ("name", "into"), [("jethook-view", {"view", "edit", "admin"}), ("jethook-edit", {"edit", "admin"})]
)
def test_roles_of_users_are_aggregated_unless_told_not_to(name: str, into: set[str]) -> None:
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    for sets, expected in (([], into), (["rbac.aggregate=false"], set())):
        (role,) = (one for one in documents(render(PLAIN, sets=sets)) if one["metadata"]["name"] == name)
        labels = role["metadata"]["labels"]
        assert {label.removeprefix(prefix) for label in labels if label.startswith(prefix)} == expected


@contextlib.contextmanager
def _bound(cluster: ApiServer, role: str, *, to: str) -> Iterator[None]:
    """Bind a role to an account in every namespace."""
    subject = f"--serviceaccount={NAMESPACE}:{to}"
    cluster.kubectl("create", "clusterrolebinding", f"of-{to}", f"--clusterrole={role}", subject)
    try:
        yield
    finally:
        cluster.kubectl("delete", "clusterrolebinding", f"of-{to}")


def _account(cluster: ApiServer, name: str) -> Access:
    return Access(cluster, _user(name))


def _user(name: str) -> str:
    return f"system:serviceaccount:{NAMESPACE}:{name}"


def _in(namespace: str, found: set[Right]) -> set[Right]:
    return {right._replace(namespace=namespace) for right in found}
