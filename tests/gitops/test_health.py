"""What Flux and Argo CD make of each status that the operator decides; `JETHOOK_REWRITE=1` writes the golden file."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fixtures import kstatus
from tests.gitops.corpus import samples
from tests.gitops.lua import GITOPS, health

GOLDEN = Path(__file__).parent / "health.yaml"
SAMPLES = dict(samples())
KINDS = ("WebhookEndpoint", "Subscription", "DispatcherPool")
ARGO_CD = {"Failed": {"Degraded"}, "InProgress": {"Progressing"}, "Current": {"Healthy", "Suspended"}}


def _judged(obj: dict[str, Any]) -> dict[str, str]:
    return {"kstatus": kstatus.compute(obj), "argocd": health(obj)[0]}


def test_every_status_is_read_as_the_golden_file_says() -> None:
    judged = {name: _judged(obj) for name, obj in SAMPLES.items()}
    if os.environ.get("JETHOOK_REWRITE"):
        GOLDEN.write_text(yaml.safe_dump(judged, sort_keys=False, width=120))
    assert judged == yaml.safe_load(GOLDEN.read_text())


@pytest.mark.parametrize("name", [name for name in SAMPLES if not name.endswith("without-status")])
def test_kstatus_and_argo_cd_agree(name: str) -> None:
    assert health(SAMPLES[name])[0] in ARGO_CD[kstatus.check(SAMPLES[name])]


@pytest.mark.parametrize("name", list(SAMPLES))
def test_the_message_says_why(name: str) -> None:
    status, message = health(SAMPLES[name])
    conditions = SAMPLES[name].get("status", {}).get("conditions", [])
    said = {one["type"]: f"{one['reason']}: {one['message']}" for one in conditions}
    wanted = {"Degraded": said.get("Stalled"), "Progressing": said.get("Reconciling")}.get(status)
    assert message == (wanted or message)
    assert message


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_operator_has_seen_is_in_progress(kind: str) -> None:
    assert health(SAMPLES[f"{kind}/new"])[0] == health(SAMPLES[f"{kind}/without-status"])[0] == "Progressing"
    assert kstatus.compute(SAMPLES[f"{kind}/new"]) == "InProgress"


@pytest.mark.parametrize("name", [name for name in SAMPLES if "," in name])
def test_a_strangers_server_turns_nothing_red(name: str) -> None:
    assert (kstatus.compute(SAMPLES[name]), health(SAMPLES[name])[0]) == ("Current", "Healthy")


def test_a_changed_spec_is_in_progress_until_it_was_seen() -> None:
    obj = SAMPLES["Subscription/in-place"]
    changed = obj | {"metadata": obj["metadata"] | {"generation": 2}}
    assert (kstatus.check(changed), health(changed)[0]) == ("InProgress", "Progressing")


def test_every_outcome_is_among_the_samples() -> None:
    judged = yaml.safe_load(GOLDEN.read_text())
    outcomes = {(name.partition("/")[0], one["argocd"]) for name, one in judged.items()}
    wanted = {(kind, status) for kind in KINDS for status in ("Healthy", "Progressing", "Degraded")}
    assert outcomes == wanted | {("WebhookEndpoint", "Suspended"), ("Subscription", "Suspended")}


def test_the_config_map_holds_each_check_as_its_file_has_it() -> None:
    data = yaml.safe_load((GITOPS / "argocd-cm.yaml").read_text())["data"]
    scripts = {f"resource.customizations.health.{path.stem}": path.read_text() for path in GITOPS.glob("*.lua")}
    assert data == scripts
    assert len(scripts) == len(KINDS)


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [{"type": "Ready", "status": "False"}],
        [{"type": "Ready", "status": "True"}, {"type": "Stalled", "status": "True"}],
        [{"type": "Stalled", "status": "True"}, {"type": "Reconciling", "status": "True"}],
        [{"type": "Ready", "status": "True"}, {"type": "Ready", "status": "True"}],
    ],
    ids=["nothing said", "no why", "ready and stalled", "stalled and reconciling", "twice"],
)
def test_the_check_itself_refuses_what_can_be_read_two_ways(conditions: list[dict[str, str]]) -> None:
    obj = {"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "conditions": conditions}}
    with pytest.raises(AssertionError):
        kstatus.check(obj)
