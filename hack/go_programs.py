"""The programs that are built from their Go modules: those of the API server, and those of a whole node.

Versions are pinned here. The first three also come with `setup-envtest`; nobody ships the rest for one machine.
"""

from __future__ import annotations

from hack.go_build import GoProgram

KUBERNETES_VERSION = "1.37.2"
ETCD_VERSION = "3.7.3"
CONTAINERD_VERSION = "2.4.2"
COREDNS_VERSION = "1.15.0"

_GIT_VERSION = "k8s.io/component-base/version.git"
_CONTAINERD = "github.com/containerd/containerd/v2"
_COREDNS = "github.com/coredns/coredns"


_IN_ASSETS = (
    ", or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl "
    "(`setup-envtest use -p path` prints one)"
)


def _kubernetes(name: str, *, takes: str, elsewhere: str = "") -> GoProgram:
    return GoProgram(
        name=name,
        module="k8s.io/kubernetes",
        version=f"v{KUBERNETES_VERSION}",
        package=f"k8s.io/kubernetes/cmd/{name}",
        takes=takes,
        staging_version=f"v0.{KUBERNETES_VERSION.removeprefix('1.')}",
        ldflags=f"-s -w -X {_GIT_VERSION}Version=v{KUBERNETES_VERSION} -X {_GIT_VERSION}Major=1"
        f" -X {_GIT_VERSION}Minor={KUBERNETES_VERSION.split('.')[1]}",
        elsewhere=elsewhere,
    )


def _containerd(name: str) -> GoProgram:
    return GoProgram(
        name=name,
        module=_CONTAINERD,
        version=f"v{CONTAINERD_VERSION}",
        package=f"{_CONTAINERD}/cmd/{name}",
        takes="about a minute",
        ldflags=f"-s -w -X {_CONTAINERD}/version.Version=v{CONTAINERD_VERSION}",
    )


GO_PROGRAMS = {
    program.name: program
    for program in (
        _kubernetes("kube-apiserver", takes="about five minutes", elsewhere=_IN_ASSETS),
        _kubernetes("kube-controller-manager", takes="about two minutes"),
        _kubernetes("kube-scheduler", takes="about a minute"),
        _kubernetes("kubelet", takes="about two minutes"),
        _kubernetes("kube-proxy", takes="about a minute"),
        GoProgram(
            name="etcd",
            module="go.etcd.io/etcd/server/v3",
            version=f"v{ETCD_VERSION}",
            package="go.etcd.io/etcd/server/v3",
            takes="about a minute",
            elsewhere=_IN_ASSETS,
        ),
        _containerd("containerd"),
        _containerd("containerd-shim-runc-v2"),
        _containerd("ctr"),
        GoProgram(
            name="coredns",
            module=_COREDNS,
            version=f"v{COREDNS_VERSION}",
            package=_COREDNS,
            takes="about two minutes",
        ),
    )
}
NODE_PROGRAMS = tuple(name for name in GO_PROGRAMS if name not in {"kube-apiserver", "etcd"})
