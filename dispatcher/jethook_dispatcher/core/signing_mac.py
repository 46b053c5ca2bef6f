"""HMAC with what depends on the key alone done beforehand (RFC 2104)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from jethook_contract.secrets import HmacHash

HASHES: Mapping[HmacHash, Callable[..., hashlib._Hash]] = MappingProxyType(
    {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}
)
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))


class PreparedMac:
    """Hold the two hashes of one key, each past its pad.

    Copying them takes two thirds of the time of copying an `hmac.HMAC`, which goes through OpenSSL's own HMAC object.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes, *, algorithm: HmacHash = "SHA256") -> None:
        new = HASHES[algorithm]
        block_size = new().block_size
        block = (new(key).digest() if len(key) > block_size else key).ljust(block_size, b"\0")
        self._inner = new(block.translate(_INNER_PAD))
        self._outer = new(block.translate(_OUTER_PAD))

    def digest(self, head: bytes, body: bytes = b"") -> bytes:
        """Give the HMAC of `head` followed by `body`."""
        inner = self._inner.copy()
        inner.update(head)
        inner.update(body)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()
