"""Sign deliveries by Standard Webhooks: v1 is HMAC-SHA256, v1a is ed25519, both over `id.timestamp.body`.

Several keys of one Secret (current, previous), and several Secrets, make several space-separated signatures, so that a
receiver that knows any one of them accepts. Source: the Standard Webhooks specification, "Signature scheme".
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable

from jethook_contract.secrets import SigningKey
from jethook_dispatcher.core.signing_keys import PRIVATE_PREFIX, ed25519_seed, shared_secret
from jethook_dispatcher.core.signing_mac import PreparedMac


class Signer:
    """Hold the decoded keys of one plan part; raise Invalid `BadSigningKey` when one is no key.

    Entries of other schemes than `StandardWebhooks` are left to their own signers.
    """

    __slots__ = ("_prepared", "_private")

    def __init__(self, signing: Iterable[SigningKey]) -> None:
        keys = [key for entry in signing if entry.scheme == "StandardWebhooks" for key in entry.keys]
        private = [key.get_secret_value().strip().startswith(PRIVATE_PREFIX) for key in keys]
        secrets = dict.fromkeys(
            shared_secret(key) for key, is_private in zip(keys, private, strict=True) if not is_private
        )
        seeds = {
            one.private_bytes_raw(): one
            for one in (ed25519_seed(key) for key, is_private in zip(keys, private, strict=True) if is_private)
        }
        self._prepared = tuple(PreparedMac(key) for key in secrets)
        self._private = tuple(seeds.values())

    def sign(self, body: bytes, *, webhook_id: str, timestamp: int) -> str:
        """Give the value of `webhook-signature`: v1 before v1a, current key first; empty when the part has no key."""
        head = f"{webhook_id}.{timestamp}.".encode()
        signatures = [
            "v1," + b2a_base64(prepared.digest(head, body), newline=False).decode("ascii")
            for prepared in self._prepared
        ]
        if self._private:
            signed = head + body
            signatures += [
                "v1a," + b2a_base64(key.sign(signed), newline=False).decode("ascii") for key in self._private
            ]
        return " ".join(signatures)
