"""A layer that cannot run says so, and fails where CI=true."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
API_TESTS = "tests/hack/test_kube_fixture.py"


@pytest.mark.parametrize(("ci", "code", "outcome"), [("", 0, "6 skipped"), ("true", 1, "6 errors")])
def test_an_api_layer_without_tools_is_named_in_the_closing_lines(
    tmp_path: Path, ci: str, code: int, outcome: str
) -> None:
    environment = {**os.environ, "KUBEBUILDER_ASSETS": str(tmp_path), "CI": ci}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", API_TESTS]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout
    assert f"api: COULD NOT RUN: KUBEBUILDER_ASSETS is set to {tmp_path}" in done.stdout
    assert outcome in done.stdout.splitlines()[-1]
