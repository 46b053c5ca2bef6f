"""All signatures of one plan part: which headers they write, and their values for one attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from jethook_contract.errors import Invalid
from jethook_contract.secrets import SigningKey
from jethook_dispatcher.core.signing import Signer
from jethook_dispatcher.core.signing_hmac import HmacSigner
from jethook_dispatcher.core.signing_http import WRITTEN_HEADERS, HttpSigner

Headers = tuple[tuple[str, str], ...]


class Signatures:
    """Hold every key of a part, read once; raise Invalid `BadSigningKey`, `BadHeader` or `BadRequest`.

    `written`: the names, in lower case, that nothing else may write. `hmac_headers`: those that the user chose.
    """

    __slots__ = ("_hmac", "_http", "_standard", "hmac_headers", "written")

    def __init__(self, signing: Sequence[SigningKey], *, urls: Sequence[str]) -> None:
        self._standard = Signer(signing)
        self._http = HttpSigner(signing, urls=urls)
        self._hmac = tuple(HmacSigner(entry) for entry in signing if entry.scheme == "HMAC")
        self.hmac_headers = tuple(one.name for one in self._hmac)
        names = Counter(name.lower() for name in self.hmac_headers)
        names.update(WRITTEN_HEADERS if self._http else ())
        for name, times in names.items():
            if times > 1:
                raise Invalid("BadHeader", f"header {name}: two signatures write it; give each its own header")
        self.written = frozenset(names)

    def headers(self, body: bytes, *, content: Headers, webhook_id: str, timestamp: int, target: int) -> Headers:
        """Give the headers that sign one attempt; `content` are those of the body, its content type among them."""
        standard = self._standard.sign(body, webhook_id=webhook_id, timestamp=timestamp)
        signed: Headers = (("webhook-signature", standard),) if standard else ()
        if self._http:
            content_type = next((value for name, value in content if name.lower() == "content-type"), "")
            signed += self._http.headers(
                body, content_type=content_type, webhook_id=webhook_id, timestamp=timestamp, target=target
            )
        for one in self._hmac:
            signed += ((one.name, one.value(body, timestamp=timestamp)),)
        return signed
