"""Names that change, names with several addresses, redirects: what is connected is what was judged."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from jethook_dispatcher.core.egress import EgressPolicy
from tests.dispatcher.delivery.conftest import LOOPBACK_OPEN
from tests.dispatcher.delivery.listeners import Listener, Names, Routes, listening, routes

GOOD, BAD = "127.0.0.1", "127.0.0.2"
ONE_OPEN = EgressPolicy(allowed=(ip_network(f"{GOOD}/32"),))
WAYS = ("deliver", "shake")


async def go(ways: Routes, way: str, listener: Listener, *, host: str = "receiver.example") -> str:
    return str(await getattr(ways, way)(f"http://{host}:{listener.port}/"))


@pytest.mark.parametrize("way", WAYS)
async def test_name_that_turns_bad_is_denied_when_it_is_connected_next(way: str) -> None:
    names = Names(others=(GOOD,))
    async with listening() as listener, routes(ONE_OPEN, names=names) as ways:
        assert await go(ways, way, listener) == ""
        names.others = (BAD,)
        names.now += 61
        assert await go(ways, way, listener) == "AddressDenied"
        assert listener.reached == {GOOD: 1}
        assert names.asked["receiver.example"] == 2


@pytest.mark.parametrize("way", WAYS)
async def test_no_second_look_up_lies_between_judgement_and_connection(way: str) -> None:
    class Flipping(Names):
        async def __call__(self, host: str):  # type: ignore[no-untyped-def]  # noqa: ANN204 -- as its base
            found = await super().__call__(host)
            self.others = (BAD,)  # whoever asked again would get the other address
            return found

    names = Flipping(others=(GOOD,))
    async with listening() as listener, routes(ONE_OPEN, names=names) as ways:
        assert await go(ways, way, listener) == ""
        assert listener.reached == {GOOD: 1}
        assert names.asked.total() == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("addresses", [(BAD, GOOD), (GOOD, BAD), ("::1", BAD, GOOD), ("10.0.0.1", GOOD)])
async def test_bad_address_among_several_is_passed_over(way: str, addresses: tuple[str, ...]) -> None:
    async with listening() as listener, routes(ONE_OPEN, names=Names(others=addresses)) as ways:
        assert await go(ways, way, listener) == ""
        assert listener.reached == {GOOD: 1}


@pytest.mark.parametrize("way", WAYS)
async def test_only_bad_addresses_are_denied(way: str) -> None:
    names = Names(others=(BAD, "::1", "10.0.0.1", "169.254.169.254"))
    async with listening() as listener, routes(ONE_OPEN, names=names) as ways:
        assert await go(ways, way, listener) == "AddressDenied"
        assert listener.connections == 0


@pytest.mark.parametrize("way", WAYS)
async def test_what_the_pool_denies_stays_denied_beside_what_it_opens(way: str) -> None:
    policy = EgressPolicy(allowed=LOOPBACK_OPEN.allowed, denied=(ip_network(f"{BAD}/32"),))
    async with listening() as listener, routes(policy, names=Names(others=(BAD,))) as ways:
        assert await go(ways, way, listener) == "AddressDenied"
        assert listener.connections == 0


@pytest.mark.parametrize("way", WAYS)
async def test_protected_port_stays_closed_in_an_open_pool(way: str) -> None:
    async with listening() as listener, listening() as nats:
        policy = EgressPolicy(
            allowed=LOOPBACK_OPEN.allowed, always_denied=frozenset({(ip_network("127.0.0.1/32")[0], nats.port)})
        )
        async with routes(policy) as ways:
            assert await go(ways, way, listener, host=GOOD) == ""
            assert await go(ways, way, nats, host=GOOD) == "AddressDenied"
            assert await go(ways, way, nats, host=BAD) == "AddressDenied"
        assert nats.connections == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["http://127.0.0.1:{port}/", "http://169.254.169.254/", "//127.0.0.1:{port}/"])
async def test_redirect_is_not_followed(way: str, status: int, to: str) -> None:
    async with listening() as inside, listening() as listener, routes(LOOPBACK_OPEN) as ways:
        location = to.format(port=inside.port)
        listener.answer = f"HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        assert await go(ways, way, listener, host=GOOD) == ("HTTPStatus" if way == "deliver" else "")
        assert (listener.connections, inside.connections) == (1, 0)


@pytest.mark.parametrize("way", WAYS)
async def test_environment_proxy_is_ignored(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy, listening() as listener, routes(LOOPBACK_OPEN) as ways:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await go(ways, way, listener, host=GOOD) == ""
        assert (proxy.connections, listener.connections) == (0, 1)


@pytest.mark.parametrize("way", WAYS)
async def test_plain_http_needs_an_opening_of_its_own(way: str) -> None:
    # A public address, so that nothing but the scheme is at fault; denied, so that nothing is connected.
    async with routes(EgressPolicy(), names=Names(others=("93.184.215.14",))) as ways:
        assert await getattr(ways, way)("http://receiver.example/") == "AddressDenied"
