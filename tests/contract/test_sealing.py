"""Secrets of a plan part are sealed with the pool's key ring."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.plan import PlanSecrets, SigningKey
from jethook_contract.sealing import KeyRing

SECRETS = PlanSecrets(
    headers=(("X-Key", SecretStr("hunter2")),), signing=(SigningKey(keys=(SecretStr("whsec_abc="),)),)
)


def test_what_is_sealed_comes_back_and_shows_nothing_outside() -> None:
    ring = KeyRing(KeyRing.generate())
    token = ring.seal(SECRETS)
    assert ring.unseal(token) == SECRETS
    assert "hunter2" not in token + ring.digest(SECRETS) + repr(SECRETS)


def test_equal_secrets_have_equal_digests_and_changed_ones_do_not() -> None:
    ring = KeyRing(KeyRing.generate())
    changed = SECRETS.model_copy(update={"headers": (("X-Key", SecretStr("hunter3")),)})
    assert ring.digest(SECRETS) == ring.digest(SECRETS.model_copy())
    assert ring.digest(SECRETS) != ring.digest(changed)


def test_a_rotated_ring_opens_what_the_older_key_sealed() -> None:
    old, new = KeyRing.generate().get_secret_value(), KeyRing.generate().get_secret_value()
    token = KeyRing(SecretStr(old)).seal(SECRETS)
    both = KeyRing(SecretStr(f"# newest first\n{new}\n{old}"))
    assert both.unseal(token) == SECRETS
    assert both.digest(SECRETS) != KeyRing(SecretStr(old)).digest(SECRETS)


@pytest.mark.parametrize(
    ("text", "reason"), [("", "NoPlanKey"), ("# nothing", "NoPlanKey"), ("not-a-key", "BadPlanKey")]
)
def test_a_bad_key_file_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        KeyRing(SecretStr(text))
    assert refusal.value.reason == reason


def test_another_pools_key_does_not_open_the_plan() -> None:
    token = KeyRing(KeyRing.generate()).seal(SECRETS)
    with pytest.raises(Invalid, match="BadPlanKey"):
        KeyRing(KeyRing.generate()).unseal(token)
