"""The configuration files and commands of a node's processes. Pure text: nothing here runs or writes anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hack.node_credentials import NODE_NAME, Credentials
from hack.node_space import BRIDGE, BRIDGE_ADDRESS, POD_RANGE, SERVICE_RANGE

API_PORT = 6443
VOLUMES = 4
KUBELET_PORT = 10250
PAUSE_IMAGE = "docker.io/local/pause:1"
CNI_PROGRAMS = "/usr/lib/cni"  # where Debian's containernetworking-plugins puts them
CLUSTER_DOMAIN = "cluster.local"
FIRST_SERVICE_ADDRESS = "10.96.0.1"
API_URL = f"https://{BRIDGE_ADDRESS}:{API_PORT}"
API_NAMES = ("localhost", "kubernetes", "kubernetes.default", f"kubernetes.default.svc.{CLUSTER_DOMAIN}")
ISSUER = f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}"


def etcd(folder: Path) -> list[str]:
    """Give the arguments of etcd, on 127.0.0.1 of the node."""
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(known: Credentials) -> list[str]:
    """Give the arguments of kube-apiserver; pods reach it at the bridge's address, by the Service `kubernetes`."""
    return [
        "--etcd-servers=http://127.0.0.1:2379",
        f"--secure-port={API_PORT}",
        f"--bind-address={BRIDGE_ADDRESS}",
        f"--advertise-address={BRIDGE_ADDRESS}",
        f"--tls-cert-file={known.api.certificate}",
        f"--tls-private-key-file={known.api.key}",
        f"--kubelet-certificate-authority={known.ca}",
        f"--kubelet-client-certificate={known.kubelet_client.certificate}",
        f"--kubelet-client-key={known.kubelet_client.key}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--client-ca-file={known.ca}",
        f"--service-account-key-file={known.accounts.certificate}",
        f"--service-account-signing-key-file={known.accounts.key}",
        f"--service-account-issuer={ISSUER}",
        f"--token-auth-file={known.tokens}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
    ]


def controller_manager(known: Credentials) -> list[str]:
    """Give the arguments of kube-controller-manager: every controller, alone, so without a lease."""
    return [
        f"--kubeconfig={known.kubeconfig('controller-manager')}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={known.accounts.key}",
        f"--root-ca-file={known.ca}",
        f"--cluster-cidr={POD_RANGE}",
        "--allocate-node-cidrs=false",
    ]


def scheduler(known: Credentials) -> list[str]:
    """Give the arguments of kube-scheduler."""
    kubeconfig = f"--kubeconfig={known.kubeconfig('scheduler')}"
    return [kubeconfig, "--bind-address=127.0.0.1", "--leader-elect=false"]


def containerd_config(folder: Path) -> str:
    """Give containerd's configuration, version 3."""
    return f"""version = 3
root = "{folder / "containerd"}"
state = "{folder / "containerd-state"}"
[grpc]
  address = "{folder / "containerd.sock"}"
[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE runc cannot lower the score of a pod, and fails with a pipe error.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{CNI_PROGRAMS}"]
    conf_dir = "{folder / "cni"}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{PAUSE_IMAGE}"
"""


def network(folder: Path) -> str:
    """Give the CNI configuration: pods on the bridge, addresses from its range."""
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(folder / "cni-addresses"),
            "ranges": [[{"subnet": POD_RANGE, "gateway": BRIDGE_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return json.dumps({"cniVersion": "1.0.0", "name": "jethook-node", "plugins": [bridge, portmap]}, indent=2)


def kubelet_config(folder: Path, known: Credentials) -> str:
    """Give kubelet's configuration; JSON is YAML."""
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": BRIDGE_ADDRESS,
        "port": KUBELET_PORT,
        "healthzBindAddress": "127.0.0.1",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(known.ca)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(known.kubelet.certificate),
        "tlsPrivateKeyFile": str(known.kubelet.key),
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "containerRuntimeEndpoint": f"unix://{folder / 'containerd.sock'}",
        "podLogsDir": str(folder / "pod-logs"),
        "clusterDNS": [BRIDGE_ADDRESS],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(folder / "resolv.conf"),
        "makeIPTablesUtilChains": False,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "nodeStatusUpdateFrequency": "5s",
    }
    return json.dumps(config, indent=2)


def kubelet(folder: Path, known: Credentials) -> list[str]:
    """Give the arguments of kubelet."""
    return [
        f"--config={folder / 'kubelet.json'}",
        f"--kubeconfig={known.kubeconfig('kubelet')}",
        f"--root-dir={folder / 'kubelet'}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={BRIDGE_ADDRESS}",
    ]


def proxy_config(known: Credentials) -> str:
    """Give kube-proxy's configuration; 0 leaves the kernel's connection tracking as it is."""
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(known.kubeconfig("proxy"))},
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE_NAME,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "oomScoreAdj": 0,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    return json.dumps(config, indent=2)


def corefile(known: Credentials) -> str:
    """Give CoreDNS's configuration: the cluster's names and no others."""
    return f""".:53 {{
    bind {BRIDGE_ADDRESS}
    errors
    kubernetes {CLUSTER_DOMAIN} in-addr.arpa {{
        kubeconfig {known.kubeconfig("dns")}
        pods insecure
    }}
    cache 5
}}
"""


def volumes(folder: Path) -> str:
    """Give a default StorageClass and the volumes of it, each a folder of the node: nothing makes more of them."""
    storage = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "folders", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/no-provisioner",
        "reclaimPolicy": "Retain",
    }
    made = [_volume(folder / f"{number}") for number in range(VOLUMES)]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [storage, *made]})


def _volume(folder: Path) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"folder-{folder.name}"},
        "spec": {
            "storageClassName": "folders",
            "capacity": {"storage": "20Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": str(folder), "type": "Directory"},
        },
    }
