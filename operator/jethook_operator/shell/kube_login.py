"""The credentials for kopf, from the same configuration as the operator's own requests."""

from __future__ import annotations

from pathlib import Path

import kopf

from jethook_operator.shell.kube import load_configuration


async def login(*, kubeconfig: Path | None, context: str | None) -> kopf.ConnectionInfo:
    """Read the configuration anew; kopf asks again whenever the API server refuses what it has."""
    configuration = await load_configuration(kubeconfig=kubeconfig, context=context)
    header = str(await configuration.get_api_key_with_prefix("BearerToken") or "")
    scheme, _, token = header.rpartition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert or None,
        ca_data=configuration.ca_cert_data or None,
        insecure=not configuration.verify_ssl,
        username=configuration.username or None,
        password=configuration.password or None,
        scheme=scheme or None,
        token=token or None,
        certificate_path=configuration.cert_file or None,
        private_key_path=configuration.key_file or None,
    )
