"""Write kubeconfig files: one cluster, one user with a bearer token, one context."""

import base64
import json
from pathlib import Path

NAME = "jethook-test"


def write_kubeconfig(path: Path, *, url: str, ca_pem: bytes, token: str, namespace: str = "default") -> Path:
    """Write `path`, readable by its owner only, and return it; JSON is YAML, so every client reads it."""
    cluster = {"server": url, "certificate-authority-data": base64.b64encode(ca_pem).decode()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": namespace}}],
        "current-context": NAME,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=2) + "\n")
    return path
