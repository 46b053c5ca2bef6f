"""Flags of `jethook operator` about the pools' Deployments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jethook_cli.pool_options import PullPolicy, check_plan_keys, child_settings
from jethook_contract.errors import Invalid

GIVEN: dict[str, Any] = {
    "namespace": "jethook-system",
    "nats": ("nats://nats:4222",),
    "pull_policy": PullPolicy.ALWAYS,
    "pull_secrets": ["registry"],
    "credentials": "nats-dispatcher",
    "cluster_role": "jethook-dispatcher",
}


def test_without_an_image_others_run_the_dispatchers() -> None:
    assert child_settings(None, **GIVEN) is None


def test_an_image_gives_what_deployments_are_made_of() -> None:
    settings = child_settings("example.com/dispatcher:1", **GIVEN)
    assert settings is not None
    assert (settings.image_pull_policy, settings.image_pull_secrets) == ("Always", ("registry",))
    assert settings.nats_credentials == "nats-dispatcher"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nats": ("nats://user:secret@nats:4222",)}, "NATSUserInURL"),
        ({"credentials": "Not/A/Name"}, "BadName"),
        ({"pull_secrets": ["a b"]}, "BadName"),
        ({"cluster_role": ""}, "BadName"),
    ],
)
def test_what_no_pod_could_use_or_all_could_read_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        child_settings("example.com/dispatcher:1", **GIVEN | changes)
    assert caught.value.reason == reason
    assert "secret@" not in caught.value.message


def test_plan_keys_lie_in_a_folder_or_in_secrets() -> None:
    check_plan_keys(None, image="example.com/dispatcher:1")
    check_plan_keys(Path("keys"), image=None)
    with pytest.raises(Invalid, match="--plan-keys"):
        check_plan_keys(None, image=None)
