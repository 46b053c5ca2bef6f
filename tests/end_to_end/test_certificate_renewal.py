"""Certificates that are renewed while Jethook runs: the next request goes by the new ones, and nothing is restarted."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from hack.ports import free_port
from tests.dispatcher.delivery.certificates import Authority, Pair, common_name
from tests.fixtures.installation import Standalone, endpoint, pool, secret, subscription
from tests.fixtures.poll import eventually

Factory = Callable[[], Standalone]

PATIENT = {"maxAttempts": 60, "initialDelaySeconds": 1, "factor": 1, "maxDelaySeconds": 1}
NEVER_OPEN = {"minRequests": 10_000}


class TlsReceiver:
    """An HTTPS server on one port for good; `shown`: the name in each request's client certificate, in order."""

    def __init__(self) -> None:
        self.port = free_port()
        self.shown: list[str] = []

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/hook"

    @asynccontextmanager
    async def listening(self, context: ssl.SSLContext) -> AsyncIterator[None]:
        """Serve under a context; what is connected is cut at the end."""
        application = web.Application()
        application.router.add_post("/hook", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=context, reuse_address=True).start()
            yield
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        await request.read()
        transport = request.transport
        assert transport is not None
        self.shown.append(common_name(transport.get_extra_info("ssl_object")))
        return web.Response()


def _authority(authority: Authority) -> dict[str, Any]:
    return {**secret("private-ca"), "stringData": {"ca.crt": authority.pem}}


def _client(pair: Pair) -> dict[str, Any]:
    """Make the Secret as cert-manager does, label included."""
    data = {"tls.crt": pair.certificate, "tls.key": pair.key}
    return {**secret("client"), "type": "kubernetes.io/tls", "stringData": data}


def _processes(jethook: Standalone) -> list[str]:
    return Path(f"/proc/{jethook.pid}/task/{jethook.pid}/children").read_text().split()


def _refusals(jethook: Standalone) -> int:
    """Count the attempts that failed since the receiver was not trusted."""
    return jethook.log.count('"reason": "TLSFailed"')


async def _installed(jethook: Standalone, receiver: TlsReceiver, *, authority: Authority, client: Pair) -> list[str]:
    """Start with one endpoint; give the pids of the child processes."""
    tls = {"caRef": {"name": "private-ca"}, "clientCertificateRef": {"name": "client"}}
    spec = endpoint("crm", receiver.url, tls=tls, retry=PATIENT, circuitBreaker=NEVER_OPEN)
    jethook.write("base.yaml", pool(), secret(), spec, subscription("orders", "crm"))
    jethook.write("ca.yaml", _authority(authority))
    jethook.write("client.yaml", _client(client))
    await jethook.start()
    await jethook.ready("subscription", "orders")
    return await eventually(lambda: found if len(found := _processes(jethook)) == 3 else None)


async def test_a_renewed_client_certificate_is_shown_without_a_restart(standalone: Factory, tmp_path: Path) -> None:
    authority, clients = Authority("servers"), Authority("clients")
    receiver, jethook = TlsReceiver(), standalone()
    async with receiver.listening(authority.server(tmp_path, clients=clients)):
        before = await _installed(jethook, receiver, authority=authority, client=clients.issue("first"))
        await jethook.publish("com.example.made", 3)
        await eventually(lambda: len(receiver.shown) == 3)

        jethook.write("client.yaml", _client(clients.issue("second")))
        await eventually(lambda: "now showing the certificate in tls.crt of Secret client" in jethook.log, seconds=20)

        async def renewed() -> bool:
            await jethook.publish("com.example.made")
            return receiver.shown[-1] == "second"

        await eventually(renewed, seconds=30, every_seconds=0.2)
        shown = list(receiver.shown)
        assert shown == sorted(shown), "never the first again"
        assert set(shown) == {"first", "second"}

        # From here on the receiver takes the new one's issuer only: the old certificate is nowhere in use.
        others = Authority("other clients")
        jethook.write("client.yaml", _client(others.issue("third")))
    async with receiver.listening(authority.server(tmp_path, clients=others)):
        await jethook.publish("com.example.made")
        await eventually(lambda: receiver.shown[-1] == "third", seconds=40)
        assert _processes(jethook) == before
    assert await jethook.stop() == 0


async def test_a_renewed_private_authority_is_trusted_without_a_restart_and_the_old_one_no_more(
    standalone: Factory, tmp_path: Path
) -> None:
    old, new, clients = Authority("old"), Authority("new"), Authority("clients")
    receiver, jethook = TlsReceiver(), standalone()
    async with receiver.listening(old.server(tmp_path, clients=clients)):
        before = await _installed(jethook, receiver, authority=old, client=clients.issue("jethook"))
        await jethook.publish("com.example.made")
        await eventually(lambda: len(receiver.shown) == 1)
    async with receiver.listening(new.server(tmp_path, clients=clients)):
        await jethook.publish("com.example.made")
        await eventually(lambda: _refusals(jethook) > 0, seconds=20)
        assert len(receiver.shown) == 1, "not trusted yet"
        jethook.write("ca.yaml", _authority(new))
        await eventually(lambda: len(receiver.shown) == 2, seconds=40)
    async with receiver.listening(old.server(tmp_path, clients=clients)):
        refused = _refusals(jethook)
        await jethook.publish("com.example.made")
        await eventually(lambda: _refusals(jethook) > refused, seconds=20)
        assert len(receiver.shown) == 2
        assert _processes(jethook) == before
    assert await jethook.stop() == 0
