"""Which addresses deliveries may reach."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.errors import Invalid
from jethook_contract.plan import PoolPlan
from jethook_dispatcher.core.egress import ANY_PORT, EgressPolicy

CLOSED = EgressPolicy()


def pool(*allowed: str, denied: tuple[str, ...] = (), always: tuple[tuple[str, int], ...] = ()) -> EgressPolicy:
    return EgressPolicy.of_pool(
        PoolPlan(pool="default", allowed_cidrs=allowed, denied_cidrs=denied), always_denied=always
    )


DENIED_BY_DEFAULT = """
0.0.0.0 0.1.2.3 0.255.255.255
10.0.0.0 10.1.2.3 10.255.255.255
100.64.0.0 100.100.1.1 100.127.255.255
127.0.0.1 127.0.0.53 127.255.255.255
169.254.0.1 169.254.169.254 169.254.170.2 169.254.255.255
172.16.0.0 172.20.1.1 172.31.255.255
192.0.0.1 192.0.0.170 192.0.0.255
192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1
192.168.0.0 192.168.1.1 192.168.255.255
192.175.48.6 198.18.0.1 198.19.255.255 198.51.100.9 203.0.113.7
224.0.0.1 232.1.1.1 239.255.255.250
240.0.0.1 254.1.1.1 255.255.255.255
168.63.129.16 100.100.100.200 192.0.0.192
:: ::1 ::2
::ffff:10.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:a9fe:a9fe ::ffff:192.168.1.1 ::ffff:0.0.0.0
::10.0.0.1 ::127.0.0.1 ::169.254.169.254 ::ffff:0:10.0.0.1 ::ffff:0:8.8.8.8
64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b::8.8.8.8 64:ff9b:1::1 64:ff9b:1:ffff::10.0.0.1
100::1 100:0:0:1::1 200::1 400::1 1000::1
2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:30::1 2001:1ff:ffff::1
2001:db8::1 2002:a00:1::1 2002:a9fe:a9fe::1 2002:808:808::1 2620:4f:8000::1 3fff::1 3fff:fff::1
4000::1 5f00::1 8000::1 e000::1
fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254 fdff:ffff::1
fe80::1 fe80::1%eth0 febf::1 fec0::1 feff::1
ff00::1 ff02::1 ff0e::1
""".split()  # noqa: SIM905 -- a table reads better than a list of quotes

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.215.14
100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255 169.255.0.0
172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.167.255.255 192.169.0.0
198.17.255.255 198.20.0.0 223.255.255.255
::ffff:8.8.8.8 ::8.8.8.8
2001:200::1 2001:4860:4860::8888 2003::1 2606:4700:4700::1111 2a00:1450:4001::1 3ffe::1
""".split()  # noqa: SIM905 -- a table reads better than a list of quotes


def test_the_table_is_large_and_without_repeats() -> None:
    assert len(set(DENIED_BY_DEFAULT)) == len(DENIED_BY_DEFAULT) > 90
    assert len(set(PUBLIC)) == len(PUBLIC) > 20


@pytest.mark.parametrize("address", DENIED_BY_DEFAULT)
def test_special_address_is_denied_by_default(address: str) -> None:
    verdict = CLOSED.judge(address, port=443, plain=False)
    assert not verdict.allowed
    assert verdict.message
    assert address not in verdict.message  # a name's internal address is not the tenant's to learn


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed_by_https_only(address: str) -> None:
    assert CLOSED.judge(address, port=443, plain=False).allowed
    assert not CLOSED.judge(address, port=80, plain=True).allowed


@pytest.mark.parametrize("text", ["", "localhost", "2130706433", "0177.0.0.1", "127.1", "1.2.3.4.5", "[::1]"])
def test_what_is_no_address_is_denied(text: str) -> None:
    assert not pool("0.0.0.0/0", "::/0").judge(text, port=443, plain=False).allowed


@pytest.mark.parametrize(
    ("policy", "address", "allowed"),
    [
        (pool("127.0.0.0/8"), "127.0.0.1", True),
        (pool("127.0.0.0/8"), "::ffff:127.0.0.1", True),
        (pool("::ffff:127.0.0.0/104"), "127.0.0.1", True),
        (pool("127.0.0.0/8"), "::1", False),
        (pool("127.0.0.0/8"), "10.0.0.1", False),
        (pool("10.1.2.3"), "10.1.2.3", True),
        (pool("10.1.2.3"), "10.1.2.4", False),
        (pool("10.1.2.3/8"), "10.9.9.9", True),
        (pool("fd00::/8"), "fd12::1", True),
        (pool("fd00::/8"), "fd00:ec2::254", False),
        (pool("0.0.0.0/0", "::/0"), "169.254.169.254", False),
        (pool("0.0.0.0/0", "::/0"), "::ffff:169.254.169.254", False),
        (pool("0.0.0.0/0", "::/0"), "168.63.129.16", False),
        (pool("0.0.0.0/0", "::/0"), "169.254.1.1", True),
        (pool("0.0.0.0/0"), "2606:4700::1", False),
        (pool("10.0.0.0/8", denied=("10.1.0.0/16",)), "10.1.0.1", False),
        (pool("10.0.0.0/8", denied=("10.1.0.0/16",)), "::ffff:10.1.0.1", False),
        (pool("10.0.0.0/8", denied=("10.1.0.0/16",)), "10.2.0.1", True),
        (pool(denied=("8.8.8.0/24",)), "8.8.8.8", False),
        (pool("8.8.8.8/32"), "8.8.8.8", True),
        # what leads to an IPv4 address needs both openings
        (pool("64:ff9b::/96"), "64:ff9b::10.0.0.1", False),
        (pool("64:ff9b::/96", "10.0.0.0/8"), "64:ff9b::10.0.0.1", True),
        (pool("64:ff9b::/96"), "64:ff9b::8.8.8.8", True),
        (pool("64:ff9b::/96", "0.0.0.0/0"), "64:ff9b::169.254.169.254", False),
        (pool("2002::/16"), "2002:a00:1::1", False),
        (pool("2002::/16", "10.0.0.0/8"), "2002:a00:1::1", True),
        (pool("2001::/32"), "2001:0:4136:e378:8000:63bf:f5ff:fffe", False),  # embeds 10.0.0.1
    ],
)
def test_what_a_pool_opens_and_denies(policy: EgressPolicy, address: str, allowed: bool) -> None:  # noqa: FBT001
    assert policy.judge(address, port=80, plain=True).allowed == allowed


NATS = (("127.0.0.1", 4222), ("10.96.0.1", 443), ("10.9.9.9", ANY_PORT))
OPEN = pool("0.0.0.0/0", "::/0", always=NATS)


@pytest.mark.parametrize(
    ("address", "port", "allowed"),
    [
        ("127.0.0.1", 4222, False),
        ("127.0.0.1", 8080, True),
        ("127.9.9.9", 4222, False),
        ("::1", 4222, False),
        ("0.0.0.0", 4222, False),  # noqa: S104 -- connecting to it reaches loopback
        ("::ffff:127.0.0.1", 4222, False),
        ("64:ff9b::127.0.0.1", 4222, False),
        ("10.96.0.1", 443, False),
        ("10.96.0.1", 8443, True),
        ("::ffff:10.96.0.1", 443, False),
        ("10.9.9.9", 1, False),
        ("10.9.9.9", 443, False),
    ],
)
def test_nobody_can_open_what_belongs_to_the_platform(address: str, port: int, allowed: bool) -> None:  # noqa: FBT001
    assert OPEN.judge(address, port=port, plain=False).allowed == allowed


@pytest.mark.parametrize("cidr", ["10.0.0.0/33", "ten", "", "fd00::/129", "10.0.0.0/8/8"])
def test_bad_cidr_names_its_field(cidr: str) -> None:
    with pytest.raises(Invalid, match=r"spec\.egress\.deniedCIDRs") as caught:
        pool(denied=(cidr,))
    assert caught.value.reason == "BadCIDR"


addresses = st.ip_addresses().map(str)


@given(address=addresses, port=st.integers(1, 65535))
def test_denied_wins_whatever_is_allowed(address: str, port: int) -> None:
    bits = 32 if ip_address(address).version == 4 else 128
    policy = pool("0.0.0.0/0", "::/0", denied=(f"{address}/{bits}",))
    assert not policy.judge(address, port=port, plain=False).allowed


@given(address=st.ip_addresses(v=4), plain=st.booleans())
def test_every_spelling_of_an_ipv4_address_gets_its_verdict(address: object, plain: bool) -> None:  # noqa: FBT001
    policy = pool("10.0.0.0/8", denied=("10.1.0.0/16",))
    verdict = policy.judge(str(address), port=80, plain=plain)
    assert policy.judge(f"::ffff:{address}", port=80, plain=plain) == verdict


@given(address=st.ip_addresses(v=4))
def test_python_agrees_that_nothing_private_passes(address: object) -> None:
    verdict = CLOSED.judge(str(address), port=443, plain=False)
    known = ip_address(str(address))
    assert not (verdict.allowed and (not known.is_global or known.is_multicast))


@given(address=st.ip_addresses(v=6))
def test_only_global_unicast_of_ipv6_passes(address: object) -> None:
    if CLOSED.judge(str(address), port=443, plain=False).allowed:
        known = ip_address(str(address))
        assert known in ip_network("2000::/3") or int(known) < 2**48  # mapped and compatible forms
