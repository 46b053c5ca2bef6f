"""TLS contexts: of the process, and of endpoints with a certificate authority or a client certificate of their own.

A context is made once for equal material and kept. The plan carries the PEM texts, so a renewed certificate is other
material, hence another context; aiohttp keys its connections by the context, so that none made with the old
certificate carries a request of the new one. Making one takes up to 25 ms, nearly all of it in OpenSSL: it is done in a
thread, beside the deliveries of other endpoints.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import OrderedDict
from collections.abc import Callable

from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.secrets import TlsMaterial

MAX_CONTEXTS = 1024
"""About 11 KB and 1 ms each with an authority of its own, 0.8 MB and 20 ms with the system's."""

_MAKING_AT_ONCE = 2
_NOTHING = TlsMaterial()

_Key = tuple[TlsMaterial, bool]


class TlsContexts:
    """Give the context that belongs to the material; keeps those used last, at most `max_contexts`."""

    def __init__(self, *, max_contexts: int = MAX_CONTEXTS) -> None:
        self.system = system_context()
        self._max_contexts = max_contexts
        self._made: OrderedDict[_Key, ssl.SSLContext] = OrderedDict()
        self._making: dict[_Key, asyncio.Task[ssl.SSLContext]] = {}
        self._threads = asyncio.Semaphore(_MAKING_AT_ONCE)

    async def of_receiver(self, material: TlsMaterial | None) -> ssl.SSLContext:
        """Give the context for the endpoint itself: its CA in place of the system's, its client certificate.

        Raises Invalid `BadCertificate` for what is no PEM or does not fit together.
        """
        return await self._context(material or _NOTHING, beside_system=False)

    async def of_token_endpoint(self, material: TlsMaterial | None) -> ssl.SSLContext:
        """Give the context for the endpoint's token endpoint: its CA beside the system's, no client certificate.

        A token endpoint is often a public service though the receiver is private, or the other way round.
        """
        return await self._context(TlsMaterial(ca=material.ca if material else None), beside_system=True)

    async def close(self) -> None:
        """Wait for what is being made."""
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    async def _context(self, material: TlsMaterial, *, beside_system: bool) -> ssl.SSLContext:
        if material == _NOTHING:
            return self.system
        key = (material, beside_system)
        context = self._made.get(key)
        if context is not None:
            self._made.move_to_end(key)
            return context
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(key), name="make TLS context")
            making.add_done_callback(self._ended(key))
        # It outlives an attempt that is cancelled: others may wait for it too.
        return await asyncio.shield(making)

    async def _make(self, key: _Key) -> ssl.SSLContext:
        material, beside_system = key
        async with self._threads:
            return await asyncio.to_thread(_made, material, beside_system=beside_system)

    def _ended(self, key: _Key) -> Callable[[asyncio.Task[ssl.SSLContext]], None]:
        def end(making: asyncio.Task[ssl.SSLContext]) -> None:
            del self._making[key]
            # Asking for the exception marks it as seen, should nobody wait any more.
            if not making.cancelled() and making.exception() is None:
                self._made[key] = making.result()
                if len(self._made) > self._max_contexts:
                    self._made.popitem(last=False)

        return end


def system_context() -> ssl.SSLContext:
    """Make the context that trusts the system's authorities (or `SSL_CERT_FILE`), TLS 1.2 or newer."""
    return _at_least_1_2(ssl.create_default_context())


def _made(material: TlsMaterial, *, beside_system: bool) -> ssl.SSLContext:
    if material.ca is None:
        context = system_context()
    elif beside_system:
        context = system_context()
        _trust(context, ca=material.ca)
    else:
        context = _at_least_1_2(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        _trust(context, ca=material.ca)
    if material.certificate is not None and material.key is not None:
        _show(context, certificate=material.certificate, key=material.key)
    elif material.certificate is not None or material.key is not None:
        raise Invalid("BadCertificate", "spec.tls: a client certificate needs its key, and a key its certificate")
    return context


def _at_least_1_2(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trust(context: ssl.SSLContext, *, ca: SecretStr) -> None:
    try:
        context.load_verify_locations(cadata=ca.get_secret_value())
    except (ssl.SSLError, ValueError, TypeError) as exc:  # TypeError: not ASCII
        raise Invalid("BadCertificate", "spec.tls.caRef: the CA is no PEM certificate; check its key ca.crt") from exc
    # An intermediate authority that is given is trusted as it stands, without its root.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _show(context: ssl.SSLContext, *, certificate: SecretStr, key: SecretStr) -> None:
    """Load certificate and key, which OpenSSL takes from files only: one in memory, that no other user can open."""
    pem = f"{certificate.get_secret_value()}\n{key.get_secret_value()}\n".encode()
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(pem)
        # The empty password keeps OpenSSL from asking at the terminal for that of an encrypted key.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password="")
    except (ssl.SSLError, ValueError) as exc:
        message = (
            "spec.tls.clientCertificateRef: tls.crt and tls.key are no PEM certificate and unencrypted key that fit"
        )
        raise Invalid("BadCertificate", message) from exc
    finally:
        os.close(descriptor)
