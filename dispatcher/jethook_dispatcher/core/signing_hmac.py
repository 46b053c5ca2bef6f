"""Sign deliveries in one header of the user's choice, as GitHub, Stripe, Shopify and many others do."""

from __future__ import annotations

from binascii import b2a_base64

from jethook_contract.errors import Bug
from jethook_contract.secrets import HmacHeader, SigningKey
from jethook_dispatcher.core.signing_keys import text_secret
from jethook_dispatcher.core.signing_mac import PreparedMac


class HmacSigner:
    """Hold the keys of one entry of scheme `HMAC`; raise Invalid `BadSigningKey` when one is no key."""

    __slots__ = ("_form", "_keys", "name")

    def __init__(self, entry: SigningKey) -> None:
        if entry.hmac is None:
            raise Bug("NoHmacHeader", "a signing entry of scheme HMAC has no header")
        self._form: HmacHeader = entry.hmac
        self.name = entry.hmac.header
        keys = tuple(dict.fromkeys(map(text_secret, entry.keys)))
        used = keys if entry.hmac.several else keys[:1]
        self._keys = tuple(PreparedMac(key, algorithm=entry.hmac.hash) for key in used)

    def value(self, body: bytes, *, timestamp: int) -> str:
        """Give the header's value, current key first."""
        form = self._form
        head = f"{timestamp}.".encode() if form.signs_timestamp else b""
        parts = [form.prefix + self._encoded(key.digest(head, body)) for key in self._keys]
        if form.timestamp_prefix:
            parts.insert(0, f"{form.timestamp_prefix}{timestamp}")
        return ",".join(parts)

    def _encoded(self, digest: bytes) -> str:
        return digest.hex() if self._form.encoding == "Hex" else b2a_base64(digest, newline=False).decode("ascii")
