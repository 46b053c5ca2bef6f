"""The kube fixtures are a real API server of the pinned version."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hack.daemon import Daemon
from hack.kubernetes import ApiServer

ROOT = Path(__file__).parents[2]
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"colour": "red"}}


def test_answers_with_the_pinned_version(kube: ApiServer) -> None:
    version = json.loads(kube.kubectl("version", "-o", "json").stdout)["serverVersion"]
    assert version["gitVersion"].startswith("v1.37.")


def test_server_side_apply_keeps_managers_apart(kube: ApiServer, kube_namespace: str) -> None:
    _apply(kube, kube_namespace, manager="first", colour="red")
    with pytest.raises(RuntimeError, match=r'conflict with "first"'):
        _apply(kube, kube_namespace, manager="second", colour="blue")
    stored = kube.kubectl("get", "configmap", "settings", f"--namespace={kube_namespace}", "-o", "json").stdout
    assert json.loads(stored)["data"] == {"colour": "red"}


def test_a_service_account_may_do_only_what_it_is_given(kube: ApiServer, kube_namespace: str) -> None:
    config = f"--kubeconfig={kube.kubeconfig_for('reader', namespace=kube_namespace)}"
    with pytest.raises(RuntimeError, match=rf"system:serviceaccount:{kube_namespace}:reader"):
        kube.kubectl("get", "configmaps", config)
    subject = f"--serviceaccount={kube_namespace}:reader"
    where = f"--namespace={kube_namespace}"
    kube.kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps", where)
    kube.kubectl("create", "rolebinding", "reader", "--role=reader", subject, where)
    deadline = time.monotonic() + 10
    while kube.kubectl("get", "configmaps", config, check=False).returncode != 0:
        assert time.monotonic() < deadline, "the role binding never took effect"
        time.sleep(0.1)


def test_data_and_address_outlive_stop_and_kill(own_kube: ApiServer) -> None:
    namespace, url = own_kube.new_namespace(), own_kube.url
    for end in (own_kube.stop, own_kube.kill):
        end()
        assert own_kube.pid is None
        with pytest.raises(RuntimeError, match="refused"):
            own_kube.kubectl("get", "namespace", namespace)
        own_kube.start()
        assert own_kube.url == url
        assert namespace in own_kube.kubectl("get", "namespace", namespace).stdout


def test_a_paused_server_answers_only_after_resume(own_kube: ApiServer) -> None:
    own_kube.pause()
    with pytest.raises(RuntimeError, match=r"(?i)timeout|timed out|deadline"):
        own_kube.kubectl("get", "namespaces", "--request-timeout=1s")
    own_kube.resume()
    assert "kube-system" in own_kube.kubectl("get", "namespaces").stdout


@pytest.mark.api
def test_up_and_down_work_from_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    daemons = [Daemon("etcd", folder), Daemon("kube-apiserver", folder)]
    assert _command_line("up", folder).strip() == str(folder / "kubeconfig")
    try:
        pids = [daemon.pid for daemon in daemons]
        assert None not in pids
        _command_line("up", folder)
        assert [daemon.pid for daemon in daemons] == pids
        assert "kube-system" in ApiServer(folder).kubectl("get", "namespaces").stdout
    finally:
        _command_line("down", folder)
    assert [daemon.pid for daemon in daemons] == [None, None]


def _command_line(command: str, folder: Path) -> str:
    done = [sys.executable, "-m", "hack.kubernetes", command, "--dir", str(folder)]
    return subprocess.run(done, cwd=ROOT, capture_output=True, text=True, timeout=100, check=True).stdout


def _apply(kube: ApiServer, namespace: str, *, manager: str, colour: str) -> None:
    manifest = json.dumps({**CONFIG_MAP, "data": {"colour": colour}})
    manager_flag = f"--field-manager={manager}"
    kube.kubectl("apply", "--server-side", manager_flag, f"--namespace={namespace}", "-f", "-", stdin=manifest)
