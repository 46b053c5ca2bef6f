"""Decide whether deliveries may go to an address: protection from server-side request forgery.

Every special-purpose range of the IANA IPv4 and IPv6 registries is denied unless the pool opens it; what is denied
explicitly wins over what is allowed; a few addresses nobody can open. IPv6 forms that carry an IPv4 address are judged
by that address too. The address is judged, never the name or the spelling in the URL.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from jethook_contract.errors import Invalid
from jethook_contract.plan import PoolPlan
from jethook_dispatcher.core.special_ranges import METADATA_ADDRESSES, range_name

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ANY_PORT = 0
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = IPv6Network("::/96")
_LAST_32_BITS = 0xFFFF_FFFF
_WHOLE_PREFIX = 96
_FIRST_EMBEDDED = 0x1_0000  # ::1 and ::, and the rest of 0.0.0.0/16, are no IPv4-compatible addresses


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the address may be connected, and if not, why: safe to show to whoever wrote the URL.

    The message names the range, not the address: a name's internal address is not the tenant's to learn.
    """

    allowed: bool
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressPolicy:
    """The rules of one pool.

    `allowed` opens ranges, `denied` wins over it. `always_denied`: address and port (`ANY_PORT`: all of them) that no
    pool can open, beside the metadata services; the API server and NATS belong there.
    """

    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()
    always_denied: frozenset[tuple[Address, int]] = field(default_factory=frozenset)

    @classmethod
    def of_pool(cls, plan: PoolPlan, *, always_denied: Iterable[tuple[str, int]] = ()) -> EgressPolicy:
        """Read a pool's rules, or raise Invalid `BadCIDR`; `always_denied` holds IP address texts and ports."""
        return cls(
            allowed=_networks(plan.allowed_cidrs, where="spec.egress.allowedCIDRs"),
            denied=_networks(plan.denied_cidrs, where="spec.egress.deniedCIDRs"),
            always_denied=frozenset((canonical(ip_address(text)), port) for text, port in always_denied),
        )

    def judge(self, address: str, *, port: int, plain: bool) -> Verdict:
        """Judge the address that a socket is about to connect; `plain`: by http://, which needs an explicit opening."""
        try:
            outer = canonical(ip_address(address))
        except ValueError:
            return Verdict(allowed=False, message="the address is no IP address")
        verdict = self._judge_one(outer, port=port, plain=plain)
        for inner in embedded(outer):
            if verdict.allowed:
                verdict = self._judge_one(inner, port=port, plain=False)
        return verdict

    def _judge_one(self, address: Address, *, port: int, plain: bool) -> Verdict:
        if self._is_always_denied(address, port=port):
            return Verdict(allowed=False, message="the address belongs to the platform; no pool can open it")
        if _in_any(address, self.denied):
            return Verdict(allowed=False, message="the pool denies the address (spec.egress.deniedCIDRs)")
        if _in_any(address, self.allowed):
            return Verdict(allowed=True)
        name = range_name(address)
        if name:
            message = f"the address is {name}; the pool can open it (spec.egress.allowedCIDRs)"
            return Verdict(allowed=False, message=message)
        if plain:
            message = (
                "plain http:// goes only to addresses that the pool opens (spec.egress.allowedCIDRs); use https://"
            )
            return Verdict(allowed=False, message=message)
        return Verdict(allowed=True)

    def _is_always_denied(self, address: Address, *, port: int) -> bool:
        if address in METADATA_ADDRESSES:
            return True
        if (address, port) in self.always_denied or (address, ANY_PORT) in self.always_denied:
            return True
        # A server on one loopback address mostly listens on all of them; an unspecified address reaches them as well.
        local = address.is_loopback or address.is_unspecified
        return local and any(ip.is_loopback and on in (port, ANY_PORT) for ip, on in self.always_denied)


def canonical(address: Address) -> Address:
    """Replace the IPv4-mapped and IPv4-compatible forms by the IPv4 address, and drop a zone."""
    if isinstance(address, IPv4Address):
        return address
    number = int(address)
    mapped = address.ipv4_mapped
    if mapped is not None:
        return mapped
    if address in _COMPATIBLE and number >= _FIRST_EMBEDDED:
        return IPv4Address(number)
    return IPv6Address(number)


def embedded(address: Address) -> tuple[IPv4Address, ...]:
    """Give the IPv4 addresses to which a NAT64, 6to4 or Teredo address may lead; none for any other.

    A translator of the local-use NAT64 prefix may have any of the lengths of RFC 6052 (section 2.2): all that give an
    address are judged; one in 0.0.0.0/8 says that the length is another.
    """
    if isinstance(address, IPv4Address):
        return ()
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return (address.teredo[1],)
    number = int(address)
    if address in _NAT64:
        return (IPv4Address(number & _LAST_32_BITS),)
    if address in _NAT64_LOCAL:
        found = (IPv4Address(_translated(number, length)) for length in (48, 56, 64, _WHOLE_PREFIX))
        return tuple(address for address in found if address.packed[0])
    return ()


def _translated(number: int, length: int) -> int:
    """Take the IPv4 address out of an IPv6 one by RFC 6052; bits 64 to 71 are skipped."""
    if length == _WHOLE_PREFIX:
        return number & _LAST_32_BITS
    without = (number >> 64 << 56) | (number & (1 << 56) - 1)  # 120 bits, the eight in the middle left out
    return without >> (120 - length - 32) & _LAST_32_BITS


def _in_any(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _networks(texts: Iterable[str], *, where: str) -> tuple[Network, ...]:
    try:
        return tuple(_canonical_network(ip_network(text, strict=False)) for text in texts)
    except ValueError as exc:
        raise Invalid("BadCIDR", f"{where}: one entry is no CIDR; write it as 10.0.0.0/8 or fd00::/8") from exc


def _canonical_network(network: Network) -> Network:
    """Give an IPv4-mapped network as the IPv4 one, since addresses are compared in that form."""
    first = network.network_address
    if isinstance(first, IPv6Address) and first.ipv4_mapped is not None and network.prefixlen >= 96:  # noqa: PLR2004 -- ::ffff:0:0/96
        return IPv4Network((int(first.ipv4_mapped), network.prefixlen - 96))
    return network
