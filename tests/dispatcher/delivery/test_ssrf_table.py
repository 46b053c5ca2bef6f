"""No address of the special-purpose registries is reached by any way out, however the URL spells it.

The registries are written out here once more, apart from the code's own table (IANA IPv4 and IPv6 Special-Purpose
Address Registries as of RFC 9780, multicast, reserved and site-local space).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest

from jethook_dispatcher.core.egress import EgressPolicy
from tests.dispatcher.delivery.conftest import LOOPBACK_OPEN
from tests.dispatcher.delivery.listeners import Names, listening, routes

CLOSED = EgressPolicy()
IPV4 = """
0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29
192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24
192.88.99.0/24 192.88.99.2/32 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4
255.255.255.255/32 224.0.0.0/4
""".split()  # noqa: SIM905 -- a table reads better than a list of quotes
IPV6 = """
::1/128 ::/128 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128 2001:1::2/128
2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16
2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
""".split()  # noqa: SIM905
# Forms of IPv6 that carry an IPv4 address, each with private ones of it.
CARRIERS = """
::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.1.2.3 ::ffff:169.254.169.254 ::ffff:192.168.0.1 ::ffff:0.0.0.0
::ffff:0:127.0.0.1 ::127.0.0.1 ::10.0.0.1 ::169.254.169.254 ::192.168.1.1
2002:7f00:1:: 2002:a00:1::1 2002:a9fe:a9fe:: 2002:c0a8:101::1 2002:808:808::
64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b::8.8.8.8
64:ff9b:1::127.0.0.1 64:ff9b:1:a9fe:a9:fe00:: 64:ff9b:1:0:a9:fea9:fe00:: 64:ff9b:1::8.8.8.8
2001:0:4136:e378:8000:63bf:80ff:fffe 2001:0:7f00:1:: 2001:0:4136:e378:8000:63bf:f5ff:fffe
""".split()  # noqa: SIM905
METADATA = """
169.254.169.254 169.254.170.2 169.254.170.23 168.63.129.16 100.100.100.200 192.0.0.192 fd00:ec2::254
fd00:ec2::23 fd20:ce::254
""".split()  # noqa: SIM905
# Loopback, as hosts of URLs may spell it.
SPELLINGS = """
127.0.0.1 127.0.0.1. 127.1 127.0.1 2130706433 0x7f000001 0X7F000001 0x7f.0.0.1 0x7f.1 017700000001 0177.0.0.1
0177.0.0.01 00000177.0.0.1 127.0.0.0x1 127.000.000.001 0 0.0.0.0 127.127.127.127
[::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::ffff:127.0.0.1] [::FFFF:7F00:1] [::ffff:7f00:0001]
[::127.0.0.1] [::] [::1%25lo] [::ffff:0.0.0.0]
localhost LOCALHOST LocalHost localhost. localhost.localdomain 127.0.0.1.nip.io loopback.example
\uff11\uff12\uff17.\uff10.\uff10.\uff11 127\u30020\u30020\u30021 \u2460\u2461\u2466.\u24ea.\u24ea.\u2460 \u24dbocalhost
xn--fiqs8s.example \u4e2d\u56fd.example b\u00fccher.example
""".split()  # noqa: SIM905
# Where a careless reader of the URL sees another host than the one that is connected.
TRICKS = (
    "https://example.com@127.0.0.1:{port}/",
    "https://example.com:443@127.0.0.1:{port}/",
    "https://example.com%40127.0.0.1:{port}/",
    "https://127.0.0.1:{port}%2f@example.com:{port}/",
    "https://127.0.0.1:{port}\\@example.com:{port}/",
    "https://127.0.0.1:{port}#@example.com/",
    "https://127.0.0.1:{port}?@example.com/",
    "https://example.com:{port}@127.0.0.1:{port}@127.0.0.1:{port}/",
    "https:127.0.0.1:{port}/",
    "https:///127.0.0.1:{port}/",
    "https:\\\\127.0.0.1:{port}\\",
    " https://127.0.0.1:{port}/",
    "HTTPS://127.0.0.1:{port}/",
    "https://[::1]@127.0.0.1:{port}/",
    "https://127.0.0.1\t:{port}/",
    "https://127.0.0.1\r\nHost: example.com:{port}/",
    "https://%31%32%37.0.0.1:{port}/",
    "https://127.0.0.1%00.example.com:{port}/",
)


def edges(cidr: str) -> tuple[str, ...]:
    network = ip_network(cidr)
    return tuple(dict.fromkeys((str(network[0]), str(network[-1]))))


def special(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in IPv6Network("2000::/3"):
        return True
    listed = (ip_network(cidr) for cidr in (*IPV4, *IPV6))
    return str(address) in METADATA or any(address in one for one in listed if one.version == address.version)


def neighbours() -> Iterator[tuple[str, bool]]:
    for cidr in (*IPV4, *IPV6):
        network = ip_network(cidr)
        for number in (int(network[0]) - 1, int(network[-1]) + 1):
            if 0 <= number < 1 << network.max_prefixlen:
                address = type(network[0])(number)
                yield str(address), special(address)


EDGES = tuple(dict.fromkeys(address for cidr in (*IPV4, *IPV6) for address in edges(cidr)))
NEIGHBOURS = tuple(dict.fromkeys(neighbours()))
DENIED = tuple(dict.fromkeys((*EDGES, *CARRIERS, *METADATA)))


def test_the_table_is_as_large_as_it_claims() -> None:
    assert len(DENIED) + len(SPELLINGS) + len(TRICKS) >= 150
    assert sum(not denied for _, denied in NEIGHBOURS) >= 30


@pytest.mark.parametrize("address", DENIED)
async def test_special_address_is_denied_on_every_way_out(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    async with routes(CLOSED) as ways:
        assert await ways.deliver(f"https://{host}/") == "AddressDenied"
        assert await ways.shake(f"https://{host}/") == "AddressDenied"


@pytest.mark.parametrize("address", DENIED)
async def test_name_of_a_special_address_is_denied_on_every_way_out(address: str) -> None:
    async with routes(CLOSED, names=Names(others=(address,))) as ways:
        assert await ways.deliver("https://receiver.example/") == "AddressDenied"
        assert await ways.shake("https://receiver.example/") == "AddressDenied"


@pytest.mark.parametrize(("address", "denied"), NEIGHBOURS)
def test_range_ends_where_the_registry_ends_it(address: str, denied: bool) -> None:  # noqa: FBT001 -- a column
    assert CLOSED.judge(str(ip_address(address)), port=443, plain=False).allowed is not denied


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_loopback_is_connected(host: str) -> None:
    # The worst of resolvers: each name, whatever it looks like, leads to this machine.
    async with listening() as listener, routes(CLOSED, names=Names(others=("127.0.0.1", "::1"))) as ways:
        url = f"https://{host}:{listener.port}/"
        assert await ways.deliver(url) in {"AddressDenied", "BadRequest", "NameNotResolved"}
        assert await ways.shake(url) in {"AddressDenied", "BadRequest", "NameNotResolved"}
        assert listener.connections == 0


@pytest.mark.parametrize("trick", TRICKS)
async def test_no_trick_with_the_url_is_connected(trick: str) -> None:
    async with listening() as listener, routes(CLOSED, names=Names(others=("127.0.0.1", "::1"))) as ways:
        url = trick.format(port=listener.port)
        assert await ways.deliver(url) in {"AddressDenied", "BadRequest", "NameNotResolved"}
        assert await ways.shake(url) in {"AddressDenied", "BadRequest", "NameNotResolved"}
        assert listener.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST", "b\u00fccher.example"])
async def test_the_same_urls_are_connected_once_the_pool_opens_them(host: str) -> None:
    """Show that the listener would have noticed."""
    async with listening() as listener, routes(LOOPBACK_OPEN, names=Names(others=("127.0.0.1",))) as ways:
        assert await ways.deliver(f"http://{host}:{listener.port}/") == ""
        assert await ways.shake(f"http://{host}:{listener.port}/") == ""
        assert listener.reached == {"127.0.0.1": 2}


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "127.1", "017700000001", "127.0.0.01", "0"])
async def test_number_that_is_no_address_is_no_name_either(host: str) -> None:
    """Not even in a pool that opens loopback: what such a host means depends on who reads it."""
    async with listening() as listener, routes(LOOPBACK_OPEN, names=Names(others=("127.0.0.1",))) as ways:
        assert await ways.deliver(f"http://{host}:{listener.port}/") == "BadRequest"
        assert await ways.shake(f"http://{host}:{listener.port}/") == "BadRequest"
        assert listener.connections == 0
