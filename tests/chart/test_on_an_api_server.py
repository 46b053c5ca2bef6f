"""A real API server takes every manifest, with nothing unknown in it, in a namespace of the restricted standard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from hack.kubernetes import ApiServer
from tests.chart.chart import NAMESPACE, VALUE_SETS, Json, documents, render

pytestmark = pytest.mark.api
EACH_SET = pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)


@EACH_SET
def test_the_api_server_takes_every_manifest(cluster: ApiServer, values: Path) -> None:
    # Helm 4 sends manifests by server-side apply. `--validate=strict` refuses unknown and doubled fields.
    rendered = render(values)
    done = cluster.kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-", stdin=rendered, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "the API server warns"
    assert len(done.stdout.splitlines()) == len(documents(rendered))


@EACH_SET
def test_the_api_server_takes_every_pod_under_the_restricted_standard(cluster: ApiServer, values: Path) -> None:
    found = documents(render(values))
    for kind in ("Deployment", "StatefulSet", "Job"):
        for one in (one for one in found if one["kind"] == kind):
            pod = _pod(one)
            done = cluster.kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(pod), check=False)
            assert done.returncode == 0, done.stderr


def test_the_restricted_standard_would_refuse_a_pod_without_it(cluster: ApiServer) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tried", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "any", "image": "any"}]},
    }
    done = cluster.kubectl("create", "--dry-run=server", "--filename=-", stdin=yaml.safe_dump(pod), check=False)
    assert done.returncode != 0
    assert 'violates PodSecurity "restricted' in done.stderr


def _pod(workload: Json) -> Json:
    """Give the pod that a controller would make."""
    template = workload["spec"]["template"]
    claims = workload["spec"].get("volumeClaimTemplates", [])
    for claim in claims:
        source = {"persistentVolumeClaim": {"claimName": "tried"}}
        template["spec"]["volumes"].append({"name": claim["metadata"]["name"], **source})
    metadata = template["metadata"] | {"name": "tried", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
