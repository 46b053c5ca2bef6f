"""A real Kubernetes API server for tests and demos: etcd and kube-apiserver as plain processes on 127.0.0.1.

Usage: python -m hack.kubernetes up --dir D      start, or go on with what D holds; prints the kubeconfig's path
       python -m hack.kubernetes down --dir D    stop by pid

No controllers run: a namespace never finishes deleting, ServiceAccounts must be created, owner references are not
collected. Everything else is real: CRDs with CEL, server-side apply, RBAC, watches, TokenRequest, TokenReview.
"""

import argparse
import http.client
import secrets
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from hack.daemon import Daemon
from hack.kubeconfig import write_kubeconfig
from hack.ports import remembered_port
from hack.tool_cache import ToolMissing, say
from hack.tools import find_tool

READY_SECONDS = 60.0
KUBECTL_SECONDS = 60.0
TOKEN_DURATION = "24h"  # noqa: S105  # a duration, not a token
ISSUER = "https://kubernetes.default.svc"


class ApiServer:
    """etcd and kube-apiserver whose ports, data, token and certificates live in `folder`.

    `start` again after `stop`, or in another process, goes on with the same data at the same address.
    Raises ToolMissing when a tool can be neither found nor made.
    """

    def __init__(self, folder: Path) -> None:
        """Find the tools and lay out the folder; nothing runs yet."""
        self.folder = folder.absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.port = remembered_port(self.folder / "api.port")
        self.token = _remembered_token(self.folder / "tokens.csv")
        self.ca_file = self.folder / "certificates" / "apiserver.crt"
        self.kubeconfig = self.folder / "kubeconfig"
        self._kubectl = find_tool("kubectl")
        self._etcd = Daemon("etcd", self.folder, self._etcd_command())
        self._api = Daemon("kube-apiserver", self.folder, self._api_command())

    @property
    def url(self) -> str:
        """The address of the API, `https://127.0.0.1:<port>`."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The pid of kube-apiserver, None when it does not run."""
        return self._api.pid

    def start(self) -> None:
        """Start what does not run and return when the API is ready (about 3 s); RuntimeError after 60 s."""
        _write_service_account_keys(self.folder)
        if self._etcd.pid is None:
            self._etcd.start()
        if self._api.pid is None:
            self._api.start()
        self._wait_until_ready()
        write_kubeconfig(self.kubeconfig, url=self.url, ca_pem=self.ca_file.read_bytes(), token=self.token)

    def stop(self) -> None:
        """End kube-apiserver with SIGTERM; etcd and its data stay for the next `start`.

        It waits a minute for open watches to end; after 3 s it gets a SIGKILL.
        """
        self._api.end(seconds=3)

    def kill(self) -> None:
        """End kube-apiserver with SIGKILL; etcd and its data stay for the next `start`."""
        self._api.end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP kube-apiserver: connections stay open, nothing answers."""
        self._api.pause()

    def resume(self) -> None:
        """SIGCONT kube-apiserver."""
        self._api.resume()

    def close(self) -> None:
        """End both processes for good; SIGKILL, since nobody needs the data again."""
        self._api.end(signal.SIGKILL)
        self._etcd.end(signal.SIGKILL)

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as admin and return its result; with `check`, RuntimeError carries what kubectl said."""
        command = [str(self._kubectl), f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.folder / 'cache'}"]
        done = subprocess.run(
            [*command, *arguments], input=stdin, capture_output=True, text=True, timeout=KUBECTL_SECONDS, check=False
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done

    def new_namespace(self, prefix: str = "test") -> str:
        """Create a namespace `<prefix>-<8 random hex digits>` and return its name; it can never be removed."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.kubectl("create", "namespace", name)
        return name

    def install_crds(self, folder: Path) -> None:
        """Apply the CRDs in `folder` and wait until they are served; does nothing when it holds no YAML."""
        if any(folder.glob("*.yaml")):
            self.kubectl("apply", "--server-side", f"--filename={folder}")
            self.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"--filename={folder}")

    def mint_token(self, service_account: str, *, namespace: str, audience: str | None = None) -> str:
        """Return a token of an existing ServiceAccount, good for a day (TokenRequest)."""
        audiences = [f"--audience={audience}"] if audience else []
        asked = ["create", "token", service_account, f"--namespace={namespace}", f"--duration={TOKEN_DURATION}"]
        return self.kubectl(*asked, *audiences).stdout.strip()

    def kubeconfig_for(self, service_account: str, *, namespace: str) -> Path:
        """Write a kubeconfig that acts as the ServiceAccount, which is created when missing, and return its path."""
        where = f"--namespace={namespace}"
        self.kubectl("create", "serviceaccount", service_account, where, check=False)
        token = self.mint_token(service_account, namespace=namespace)
        path = self.folder / f"kubeconfig-{namespace}-{service_account}"
        return write_kubeconfig(path, url=self.url, ca_pem=self.ca_file.read_bytes(), token=token, namespace=namespace)

    def _etcd_command(self) -> Sequence[str]:
        client = f"http://127.0.0.1:{remembered_port(self.folder / 'etcd.port')}"
        peer = f"http://127.0.0.1:{remembered_port(self.folder / 'etcd-peer.port')}"
        return [
            str(find_tool("etcd")),
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _api_command(self) -> Sequence[str]:
        return [
            str(find_tool("kube-apiserver")),
            f"--etcd-servers=http://127.0.0.1:{remembered_port(self.folder / 'etcd.port')}",
            f"--cert-dir={self.ca_file.parent}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            # Without these the server looks for an address of the machine to advertise to pods, and may find none.
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--service-account-key-file={self.folder / 'service-account.pub'}",
            f"--service-account-signing-key-file={self.folder / 'service-account.key'}",
            f"--service-account-issuer={ISSUER}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
        ]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            for daemon in (self._etcd, self._api):
                if daemon.pid is None:
                    raise RuntimeError(f"{daemon.name} ended at once:\n{daemon.log_tail()}")
            if self._is_ready():
                return
            time.sleep(0.05)
        raise RuntimeError(f"kube-apiserver is not ready after {READY_SECONDS:.0f} s:\n{self._api.log_tail()}")

    def _is_ready(self) -> bool:
        try:
            trust = ssl.create_default_context(cafile=self.ca_file)
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5, context=trust)
            try:
                connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {self.token}"})
                return connection.getresponse().status == http.client.OK
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return False


def main(arguments: list[str]) -> int:
    """Start or stop the API server of a folder."""
    parser = argparse.ArgumentParser(prog="python -m hack.kubernetes", description=str(__doc__).partition("\n")[0])
    parser.add_argument("command", choices=["up", "down"])
    parser.add_argument("--dir", type=Path, required=True, help="the folder of its data, pid files and kubeconfig")
    options = parser.parse_args(arguments)
    if options.command == "down":
        for name in ("kube-apiserver", "etcd"):
            Daemon(name, options.dir.absolute()).end()
        return 0
    try:
        server = ApiServer(options.dir)
        server.start()
    except (ToolMissing, RuntimeError) as failure:
        say(str(failure))
        return 1
    print(server.kubeconfig)
    return 0


def _remembered_token(path: Path) -> str:
    """Return the admin token in the static token file, which is written first when missing."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f'{secrets.token_urlsafe(32)},admin,admin,"system:masters"\n')
    return path.read_text().partition(",")[0]


def _write_service_account_keys(folder: Path) -> None:
    private, public = folder / "service-account.key", folder / "service-account.pub"
    if private.exists() and public.exists():
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
