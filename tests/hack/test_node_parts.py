"""What a node of our own is made of; the node itself runs in the end-to-end tests."""

from __future__ import annotations

import csv
import json
import ssl
import stat
import tomllib
from pathlib import Path

import pytest

from hack import node_settings
from hack.node_credentials import CLIENTS, Credentials
from hack.node_machine import TOOLS, restore_kernel_settings
from hack.tools import VERSIONS

ADDRESSES = ("127.0.0.1", "10.96.0.1")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    made = Credentials(tmp_path_factory.mktemp("node") / "credentials")
    made.write(url="https://127.0.0.1:6443", addresses=ADDRESSES, names=["kubernetes.default"])
    return made


@pytest.mark.parametrize("name", [*ADDRESSES, "kubernetes.default"])
def test_a_strict_client_trusts_the_api_server(known: Credentials, name: str) -> None:
    trust = ssl.create_default_context(cafile=known.ca)
    trust.verify_flags |= ssl.VERIFY_X509_STRICT  # what Python 3.13 does by itself
    offer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offer.load_cert_chain(known.api.certificate, known.api.key)
    _shake_hands(trust, offer, name=name)


def test_a_client_does_not_trust_another_name(known: Credentials) -> None:
    trust = ssl.create_default_context(cafile=known.ca)
    offer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offer.load_cert_chain(known.api.certificate, known.api.key)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(trust, offer, name="10.96.0.2")


def test_each_client_has_a_token_of_its_own_that_only_the_owner_reads(known: Credentials) -> None:
    with known.tokens.open(newline="") as file:
        rows = {row[2]: row for row in csv.reader(file)}
    assert set(rows) == set(CLIENTS)
    assert len({row[0] for row in rows.values()}) == len(CLIENTS)
    assert rows["kubelet"][1:] == ["system:node:jethook-node", "kubelet", "system:nodes"]
    for path in (known.tokens, known.api.key, *map(known.kubeconfig, CLIENTS)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_runtime_is_told_what_a_confined_root_needs(tmp_path: Path) -> None:
    plugins = tomllib.loads(node_settings.containerd_config(tmp_path))["plugins"]
    assert plugins["io.containerd.cri.v1.runtime"]["restrict_oom_score_adj"] is True
    assert plugins["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"] == node_settings.PAUSE_IMAGE


def test_pods_and_kubelet_agree_on_addresses(tmp_path: Path, known: Credentials) -> None:
    kubelet = json.loads(node_settings.kubelet_config(tmp_path, known))
    [bridge, _] = json.loads(node_settings.network(tmp_path))["plugins"]
    assert kubelet["clusterDNS"] == [bridge["ipam"]["ranges"][0][0]["gateway"]]
    assert f"bind {kubelet['clusterDNS'][0]}" in node_settings.corefile(known)


def test_every_program_of_the_node_has_a_pinned_version() -> None:
    assert set(TOOLS) <= set(VERSIONS)


def test_settings_of_the_kernel_that_were_never_saved_are_left_alone(tmp_path: Path) -> None:
    restore_kernel_settings(tmp_path / "none")


def _shake_hands(trust: ssl.SSLContext, offer: ssl.SSLContext, *, name: str) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(to_client, to_server, server_hostname=name)
    server = offer.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.getpeercert()
