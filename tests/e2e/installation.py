"""Jethook as its users install it: the chart, with a NATS for trying out, into the cluster under test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.kube import Kube

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "charts" / "jethook"
NAMESPACE = "jethook-system"
RELEASE = "jethook"
OPERATOR = "app.kubernetes.io/name=jethook-operator"
DISPATCHERS = "app.kubernetes.io/name=jethook-dispatcher"
NATS_URL = f"nats://jethook-nats.{NAMESPACE}.svc:4222"
# Pods and Services have private addresses, which a pool refuses unless it is told.
PRIVATE_RANGES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]


@dataclass(frozen=True, slots=True)
class Images:
    """Where the images come from: `registry` is empty for those brought in; the upgrade goes to `next_tag`."""

    registry: str
    tag: str
    next_tag: str

    @property
    def dispatcher(self) -> str:
        """The full name of the dispatcher's image, which holds the test receiver too."""
        return f"{self.registry}/jethook/dispatcher:{self.tag}".removeprefix("/")


class Installation:
    """One release of the chart; `values` are those of the last install or upgrade."""

    def __init__(self, kube: Kube, images: Images) -> None:
        self.kube = kube
        self.images = images

    def install(self, **values: str) -> None:
        """Install, wait until all is Ready, and open private addresses to the pool `default`."""
        self.kube.helm("install", RELEASE, str(CHART), "--create-namespace", *self._options(**values))
        self.pool({"egress": {"allowedCIDRs": PRIVATE_RANGES}, "minReplicas": 1, "maxReplicas": 3})
        self.await_dispatchers()

    def upgrade(self, **values: str) -> None:
        """Upgrade to the values, and wait until the operator is rolled out."""
        self.kube.helm("upgrade", RELEASE, str(CHART), *self._options(**values))

    def uninstall(self) -> None:
        """Uninstall, and wait until everything of the release is gone."""
        self.kube.helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--wait", "--timeout=5m")

    @property
    def installed(self) -> bool:
        """Tell whether there is a release."""
        releases = json.loads(self.kube.helm("list", f"--namespace={NAMESPACE}", "--output=json"))
        return any(release["name"] == RELEASE for release in releases)

    def pool(self, spec: dict[str, object], *, name: str = "default") -> None:
        """Set fields of a pool; the operator makes `default` by itself, so this may come before or after it."""
        document = {
            "apiVersion": "jethook.io/v1alpha1",
            "kind": "DispatcherPool",
            "metadata": {"name": name},
            "spec": spec,
        }
        if "replicas" not in spec and self.kube.names("dispatcherpool", namespace=NAMESPACE):
            # Whoever scaled the pool owns the field: an apply that leaves it out would not take it away.
            merge = ["patch", "dispatcherpool", name, "--type=merge", '--patch={"spec": {"replicas": null}}']
            self.kube.kubectl(*merge, f"--namespace={NAMESPACE}")
        # A manager of its own: what it leaves out, its next apply takes away.
        arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager=e2e"]
        self.kube.kubectl(*arguments, f"--namespace={NAMESPACE}", "--filename=-", stdin=json.dumps(document))

    def await_dispatchers(self, *, pool: str = "default", seconds: int = 120) -> None:
        """Wait until the pool's Deployment exists and is rolled out."""
        deployment = f"deployment/jethook-dispatcher-{pool}"
        self.kube.kubectl("wait", "--for=create", deployment, f"--namespace={NAMESPACE}", f"--timeout={seconds}s")
        rollout = ["rollout", "status", deployment, f"--namespace={NAMESPACE}", f"--timeout={seconds}s"]
        self.kube.kubectl(*rollout, seconds=seconds + 10)

    def dispatchers(self) -> list[str]:
        """Give the names of the dispatchers' pods that are Ready."""
        return self.kube.ready_pods(namespace=NAMESPACE, labels=DISPATCHERS)

    def _options(self, **values: str) -> list[str]:
        settings = {
            "nats.enabled": "true",
            "nats.server.storage.size": "5Gi",
            "nats.server.storage.maxFileStore": "4Gi",
            "settings.eventsMaxBytes": "134217728",
            "image.registry": self.images.registry,
            "image.tag": self.images.tag,
            "dispatcherImage.registry": self.images.registry,
            "dispatcherImage.tag": self.images.tag,
            **values,
        }
        chosen = [f"--set={name}={value}" for name, value in settings.items()]
        return [f"--namespace={NAMESPACE}", "--wait", "--timeout=5m", *chosen]
