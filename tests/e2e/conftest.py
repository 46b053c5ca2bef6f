"""A whole cluster with Jethook installed in it: one for the session. These tests run when `-m e2e` asks for them."""

from __future__ import annotations

import os
import re
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hack.image import TARGETS, build_image, save_images, too_many_bytes
from hack.image_archive import ProgramImage, write_archive
from hack.image_engine import engine
from hack.node_cluster import Cluster, cluster
from tests.e2e.installation import CHART, NAMESPACE, Images, Installation
from tests.e2e.kube import Kube
from tests.e2e.tenant import Tenant
from tests.fixtures.nats import binary

HERE = Path(__file__).parent
TEST_SECONDS = 900
REGISTRY_VARIABLE = "IMAGE_REGISTRY_UNDER_TEST"
TAG_VARIABLE = "IMAGE_TAG_UNDER_TEST"
NEXT_TAG_VARIABLE = "IMAGE_NEXT_TAG_UNDER_TEST"
told = pytest.StashKey[list[str]]()
TAG, NEXT_TAG = "e2e", "e2e-next"


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker."""
    config.addinivalue_line("markers", "e2e: needs a whole Kubernetes cluster (make e2e)")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is here; leave it out unless the expression of `-m` names e2e; what uninstalls comes last."""
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker("e2e")
        item.add_marker(pytest.mark.timeout(TEST_SECONDS))
    others = [item for item in items if item not in ours]
    if "e2e" not in config.option.markexpr:
        config.hook.pytest_deselected(items=ours)
        ours = []
    items[:] = [*others, *sorted(ours, key=lambda item: item.path.name == "test_uninstall.py")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Repeat what the tests counted."""
    for line in config.stash.get(told, []):
        terminalreporter.line(f"e2e: {line}")


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Give a function that keeps a line for the end of the run."""
    return request.config.stash.setdefault(told, []).append


@pytest.fixture(scope="session")
def under_test() -> Iterator[Cluster]:
    """Start or find the cluster; see `hack.node_cluster` for the order of choice."""
    # Not below pytest's own folder: the paths of sockets are bounded.
    with tempfile.TemporaryDirectory(prefix="jh-e2e-") as folder, cluster(Path(folder) / "cluster") as found:
        yield found


@pytest.fixture(scope="session")
def images(under_test: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Build the images and bring them into the cluster, with NATS where nothing can be pulled."""
    if not under_test.takes_images:
        tag = os.environ[TAG_VARIABLE]
        return Images(os.environ[REGISTRY_VARIABLE], tag, os.environ.get(NEXT_TAG_VARIABLE, tag))
    folder = tmp_path_factory.mktemp("images")
    with tempfile.TemporaryDirectory(prefix="jh-engine-") as short, engine(Path(short)) as running:
        names = []
        for target in TARGETS:
            for tag in (TAG, NEXT_TAG):
                image = build_image(running, target=target, tag=tag, folder=folder)
                assert too_many_bytes(image, target=target) == []
                names.append(image.name)
        archive = save_images(running, images=names, place=folder / "jethook.tar")
    under_test.load_image(archive)
    if not under_test.pulls_public_images:
        nats = ProgramImage(f"docker.io/library/nats:{_nats_tag()}", Path(binary()))
        under_test.load_image(write_archive(nats, folder / "nats.tar"))
    return Images("", TAG, NEXT_TAG)


@pytest.fixture(scope="session")
def admin(under_test: Cluster) -> Kube:
    """Give kubectl and helm."""
    return Kube(under_test.kubeconfig)


@pytest.fixture(scope="session")
def installation(admin: Kube, images: Images) -> Iterator[Installation]:
    """Install the chart; what a test has left is uninstalled at the end."""
    made = Installation(admin, images)
    made.install()
    yield made
    if made.installed:
        made.uninstall()


@pytest.fixture
def tenant(installation: Installation, request: pytest.FixtureRequest) -> Iterator[Tenant]:
    """Give a namespace of this test's own with a receiver in it; a failed test tells how the pods are."""
    made = Tenant(installation.kube, installation.images, namespace=f"tenant-{secrets.token_hex(3)}")
    made.start()
    failures = request.session.testsfailed
    yield made
    if request.session.testsfailed > failures:
        for namespace in (NAMESPACE, made.namespace):
            sys.stderr.write(installation.kube.diagnosis(namespace))
    made.delete()


def _nats_tag() -> str:
    """Read from the chart which NATS it runs."""
    found = re.search(r"repository: nats\n.*\n\s+tag: \"?([\w.-]+)", (CHART / "values.yaml").read_text())
    assert found is not None, "the chart's values name no tag of NATS"
    return found[1]
