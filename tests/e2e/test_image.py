"""The image as a cluster runs it: without root, a writable root or a shell, and with its contents told."""

from __future__ import annotations

import json

from tests.e2e.tenant import PYTHON, Tenant

LOOK = """
import json, os, pathlib, sys
def refused():
    try:
        pathlib.Path("/opt/jethook/new").write_text("")
    except OSError:
        return True
print(json.dumps({
    "uid": os.getuid(),
    "safe_path": sys.flags.safe_path,
    "read_only": refused(),
    "entrypoint": pathlib.Path("/opt/jethook/bin/jethook").read_text().splitlines()[0],
    "bill": json.loads(pathlib.Path("/usr/share/jethook/sbom.cdx.json").read_text()),
}))
"""


async def test_the_image_needs_neither_root_nor_a_shell_and_tells_what_is_in_it(tenant: Tenant) -> None:
    run = ["exec", "deployment/receiver", f"--namespace={tenant.namespace}", "--", PYTHON, "-c", LOOK]
    found = json.loads(tenant.kube.kubectl(*run))
    assert (found["uid"], found["safe_path"], found["read_only"]) == (65532, True, True)
    assert found["entrypoint"] == f"#!{PYTHON}"
    names = {component["name"] for component in found["bill"]["components"]}
    assert {"jethook", "nats-py", "aiohttp", "kubernetes", "python"} <= names
    assert not names & {"kopf", "pip", "pytest"}
    assert found["bill"]["metadata"]["component"]["name"] == "jethook-dispatcher"
