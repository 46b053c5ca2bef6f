"""Seal the secrets of a plan part with the pool's own key ring.

The ring is a text of Fernet keys (URL-safe base64, 32 bytes), one a line: the first encrypts, all decrypt, so that a
key is rotated by adding, re-encrypting and dropping. Source: cryptography's `MultiFernet`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.secrets import PlanSecrets


class KeyRing:
    """Hold a pool's keys; `seal`, `unseal`, and tell equal plaintexts apart from changed ones by `digest`."""

    def __init__(self, text: SecretStr) -> None:
        lines = [line.strip() for line in text.get_secret_value().splitlines()]
        keys = [line for line in lines if line and not line.startswith("#")]
        if not keys:
            raise Invalid("NoPlanKey", "the plan key file holds no key; write one Fernet key a line")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as exc:
            raise Invalid("BadPlanKey", "the plan key file holds a line that is no Fernet key") from exc
        self._digest_key = base64.urlsafe_b64decode(keys[0])

    @staticmethod
    def generate() -> SecretStr:
        """Make the text of a ring with one fresh key."""
        return SecretStr(Fernet.generate_key().decode() + "\n")

    def seal(self, secrets: PlanSecrets) -> str:
        """Encrypt; two calls with equal secrets give different tokens."""
        return self._fernet.encrypt(_plaintext(secrets)).decode()

    def unseal(self, token: str) -> PlanSecrets:
        """Decrypt, or raise Invalid `BadPlanKey` when no key of the ring fits."""
        try:
            return PlanSecrets.decode(self._fernet.decrypt(token))
        except InvalidToken as exc:
            raise Invalid("BadPlanKey", "no key of the pool opens the plan; is the same key file mounted?") from exc

    def digest(self, secrets: PlanSecrets) -> str:
        """Give a keyed digest (hex) of the plaintext; it changes too when the encrypting key does."""
        return hmac.new(self._digest_key, _plaintext(secrets), hashlib.sha256).hexdigest()


def _plaintext(secrets: PlanSecrets) -> bytes:
    return json.dumps(_revealed(secrets.model_dump(by_alias=True, exclude_none=True)), separators=(",", ":")).encode()


def _revealed(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {name: _revealed(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_revealed(inner) for inner in value]
    return value
