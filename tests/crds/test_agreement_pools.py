"""Awkward pools, given to the real API server and to `parse`: what one accepts the other accepts too."""

from collections.abc import Callable
from typing import Any

import pytest

from hack.kubernetes import ApiServer
from tests.crds.test_agreement import refused_here, refused_there

KEYS = [
    *[
        "a",
        "A.b_c-1",
        "example.com/a",
        "a.b-c/d",
        "Example.com/a",
        "a/b/c",
        "/a",
        "a/",
        "-a",
        "a-",
        "a b",
        "",
        "ä",
        "a\n",
    ],
    *["k" * 63, "k" * 64, f"{'d' * 253}/{'k' * 63}", f"{'d' * 254}/k"],
    *["app.kubernetes.io/name", "app.kubernetes.io/version", "jethook.io/x", "pod-template-hash", "xjethook.io/a"],
    *["container.apparmor.security.beta.kubernetes.io/dispatcher", "seccomp.security.alpha.kubernetes.io/pod"],
]
VALUES = ["", "a", "A.b_c-1", "-a", "a-", "a b", "a/b", "ä", "a\n", "v" * 63, "v" * 64]
QUANTITIES = [
    *[
        "1",
        "0",
        "0.5",
        "500m",
        "1.250",
        "1.2501",
        "1Gi",
        "1GiB",
        "512mi",
        "1e3",
        "-1",
        "+1",
        ".5",
        "1.",
        "",
        " 1",
        "1\n",
    ],
    *["1Ei", "1k", "1K", "9" * 16, "9" * 17, 1, 0.5, None],
]
NAMESPACES: list[Any] = [
    *[
        ["*"],
        ["*", "a"],
        ["a", "*"],
        ["a", "b"],
        ["a", "a"],
        [],
        None,
        ["A"],
        ["a*"],
        [""],
        ["-a"],
        ["a" * 63],
        ["a" * 64],
    ],
    *["*", [None], [f"a{n}" for n in range(256)], [f"a{n}" for n in range(257)]],
]
TOLERATIONS: list[Any] = [
    *[{}, {"operator": "Exists"}, {"key": "a"}, {"key": "a", "value": "b"}, {"key": "a", "operator": "Exists"}],
    *[{"key": "a", "operator": "Exists", "value": "b"}, {"operator": "Exists", "value": ""}, {"key": None}],
    *[{"key": "a", "tolerationSeconds": 1}, {"key": "a", "effect": "NoExecute", "tolerationSeconds": 1}],
    *[{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1}, {"key": "a", "operator": "Equals"}],
    {"key": "a", "effect": "NoExecute", "tolerationSeconds": -1},
]
TERM = {"topologyKey": "zone"}
AFFINITIES: list[Any] = [
    *[None, {}, {"nodeAffinity": {}}, {"podAffinity": None}, {"podAntiAffinity": {"x": 1}}, {"nodeAffinity": []}],
    {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
    {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}},
    {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}},
    {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": ""}]}},
    {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": TERM}]}},
    {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 101, "podAffinityTerm": TERM}]
        }
    },
    {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": TERM}]}},
]
SPECS: list[Any] = [
    *[{}, {"minReplicas": 0}, {"minReplicas": -1}, {"minReplicas": 4}, {"minReplicas": 4, "maxReplicas": 4}],
    *[{"maxReplicas": 0}, {"maxReplicas": 1001}, {"minReplicas": 2, "maxReplicas": 1}, {"minReplicas": None}],
    *[{"replicas": 1}, {"replicas": None}, {"replicas": 1, "scaling": {}}, {"replicas": 1, "scaling": None}],
    *[{"replicas": size, "scaling": {"mode": "External"}} for size in (-1, 0, 1000, 1001)],
    *[{"scaling": {"mode": mode}} for mode in ("Builtin", "External", "builtin", "", None)],
    *[{"scaling": {"targetUtilizationPercent": percent}} for percent in (9, 10, 95, 96)],
    *[{"scaling": {"idleSeconds": seconds}} for seconds in (9, 10, 86_400, 86_401)],
    *[
        {"natsCredentialsRef": ref}
        for ref in (None, {}, {"name": "a.b"}, {"name": "A"}, "a", {"name": "a", "key": "b"})
    ],
    *[{"template": {name: "x"}} for name in ("priorityClassName", "serviceAccountName", "securityContext", "labels")],
    *[{"template": {"priorityClassName": name}} for name in ("", "A", "a.b", "a" * 254, None)],
]


def pool(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "jethook.io/v1alpha1", "kind": "DispatcherPool", "spec": spec}


TABLES: dict[str, tuple[Callable[[Any], dict[str, Any]], list[Any]]] = {
    "label": (lambda key: pool(template={"labels": {key: "a"}}), KEYS),
    "annotation": (lambda key: pool(template={"annotations": {key: "a"}}), KEYS),
    "node selector": (lambda key: pool(template={"nodeSelector": {key: "a"}}), KEYS),
    "label value": (lambda value: pool(template={"labels": {"a": value}}), VALUES),
    "amount": (lambda amount: pool(resources={"limits": {"memory": amount}}), QUANTITIES),
    "namespaces": (lambda namespaces: pool(allowedNamespaces=namespaces), NAMESPACES),
    "toleration": (lambda one: pool(template={"tolerations": [one]}), TOLERATIONS),
    "affinity": (lambda one: pool(template={"affinity": one}), AFFINITIES),
    "spec": (lambda spec: pool(**spec), SPECS),
}


@pytest.mark.api
@pytest.mark.parametrize("table", TABLES)
def test_the_api_server_and_parse_agree_on_pools(kube: ApiServer, table: str) -> None:
    make, values = TABLES[table]
    given = [{**make(value), "metadata": {"name": f"v{place}"}} for place, value in enumerate(values)]
    there = refused_there(kube, given)
    here = [refused_here(document) for document in given]
    different = [(document, ours) for document, ours, theirs in zip(given, here, there, strict=True) if ours != theirs]
    assert different == []
    assert True in here
    assert False in here
