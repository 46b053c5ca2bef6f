"""The TLS of a connection to NATS, from a folder laid out as a Secret of cert-manager's is when it is mounted."""

from __future__ import annotations

import ssl
from pathlib import Path

from jethook_contract.errors import Invalid

AUTHORITIES = "ca.crt"
CERTIFICATE = "tls.crt"
KEY = "tls.key"


def tls_context(folder: Path | None) -> ssl.SSLContext:
    """Make the context from what the folder holds now; None means the system's authorities and no client certificate.

    `ca.crt`: the authorities of the server's certificate, the system's when there is no such file. `tls.crt` with
    `tls.key`: shown to a server that asks for a certificate. Raises Invalid `BadNATSTLS`.
    """
    if folder is None:
        return _at_least_1_2(ssl.create_default_context())
    authorities, certificate = folder / AUTHORITIES, folder / CERTIFICATE
    present = [path for path in (authorities, certificate) if path.is_file()]
    if not present:
        raise Invalid("BadNATSTLS", f"--nats-tls {folder}: holds neither {AUTHORITIES} nor {CERTIFICATE}")
    try:
        context = ssl.create_default_context(cafile=authorities if authorities in present else None)
        if certificate in present:
            context.load_cert_chain(certificate, folder / KEY)
    except (OSError, ssl.SSLError) as exc:
        reason = getattr(exc, "reason", None) or getattr(exc, "strerror", None) or type(exc).__name__
        raise Invalid("BadNATSTLS", f"--nats-tls {folder}: {AUTHORITIES}, {CERTIFICATE} or {KEY}: {reason}") from exc
    return _at_least_1_2(context)


def _at_least_1_2(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
