"""What pip needs to reach the same index inside a build as outside, handed in as build secrets: no layer keeps them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

# Paths of this machine (find-links, cache-dir) mean nothing inside; `cert` goes in as a file of its own.
CARRIED = ("index-url", "extra-index-url", "trusted-host", "timeout", "default-timeout", "retries", "proxy")
CA_INSIDE = "/run/secrets/ca"
CONFIG_SECONDS = 60


def pip_secrets(folder: Path) -> list[str]:
    """Write pip's settings of this user into `folder` and return the `--secret` options of `docker build`."""
    settings = _settings()
    lines = ["[global]"] + [f"{name} = {settings[name]}" for name in CARRIED if name in settings]
    options = []
    ca = settings.get("cert") or os.environ.get("SSL_CERT_FILE")
    if ca and Path(ca).is_file():
        lines.append(f"cert = {CA_INSIDE}")
        options += ["--secret", f"id=ca,src={ca}"]
    config = folder / "pip.conf"
    config.touch(mode=0o600)
    config.write_text("\n".join(lines) + "\n")
    return ["--secret", f"id=pip-conf,src={config}", *options]


def _settings() -> dict[str, str]:
    """Read what pip itself would use: its files, overruled by PIP_* variables. An index may carry a password."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        timeout=CONFIG_SECONDS,
        check=True,
    )
    return parse_settings(done.stdout)


def parse_settings(text: str) -> dict[str, str]:
    """Parse `pip config list`: lines `<section>.<name>='<value>'`; `:env:` overrules `install`, and that `global`."""
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.partition(".")
        if section in found:
            found[section][name] = str(ast.literal_eval(value)).replace("\n", "\n  ")
    return found["global"] | found["install"] | found[":env:"]
