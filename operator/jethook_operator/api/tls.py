"""Which certificates a connection to a receiver uses, beyond the system's authorities."""

from __future__ import annotations

from jethook_operator.api.meta import ApiModel, SecretReference


class TLS(ApiModel):
    """Certificates for connections to the receiver.

    For a Secret that cert-manager makes, set the label jethook.io/use: "true" in secretTemplate of its Certificate.
    """

    ca_ref: SecretReference | None = None
    """The Secret with the certificates, in PEM, of the authorities that are trusted instead of the system's; key
    ca.crt. Default: the system's authorities."""
    client_certificate_ref: SecretReference | None = None
    """The Secret of type kubernetes.io/tls whose certificate (tls.crt) and key (tls.key) are shown to the receiver. A
    renewed certificate is used without a restart. Default: none."""
