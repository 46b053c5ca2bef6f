"""Sign deliveries by Standard Webhooks v1: HMAC-SHA256 over `id.timestamp.body`, one signature a key.

Several keys of one Secret (current, previous) make several space-separated signatures, so that a receiver that knows
either accepts. Source: the Standard Webhooks specification, "Signature scheme".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.plan import SigningKey

_PREFIX = "whsec_"
_MAX_KEY_BYTES = 1024


class Signer:
    """Hold the decoded keys of one plan part; raise Invalid `BadSigningKey` when one is no key."""

    __slots__ = ("_prepared",)

    def __init__(self, signing: Iterable[SigningKey]) -> None:
        keys = (_key_bytes(key) for entry in signing for key in entry.keys)
        # Copying a prepared HMAC saves hashing the key's two pads for each event.
        self._prepared = tuple(hmac.new(key, digestmod=hashlib.sha256) for key in dict.fromkeys(keys))

    def sign(self, body: bytes, *, webhook_id: str, timestamp: int) -> str:
        """Give the value of `webhook-signature`, current key first; empty when the part has no key."""
        return " ".join(
            "v1," + _signature(prepared.copy(), f"{webhook_id}.{timestamp}.".encode(), body)
            for prepared in self._prepared
        )


def _signature(mac: hmac.HMAC, head: bytes, body: bytes) -> str:
    mac.update(head)
    mac.update(body)
    return base64.b64encode(mac.digest()).decode("ascii")


def _key_bytes(key: SecretStr) -> bytes:
    text = key.get_secret_value().strip().removeprefix(_PREFIX)
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Invalid("BadSigningKey", "a signing key is no base64; write it as whsec_<base64>") from exc
    if not decoded or len(decoded) > _MAX_KEY_BYTES:
        raise Invalid("BadSigningKey", f"a signing key is empty or over {_MAX_KEY_BYTES} bytes; 24 to 64 are usual")
    return decoded
