"""Networks that a credential is bound to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from keystead.errors import InvalidRequest

Network = IPv4Network | IPv6Network
Networks = tuple[Network, ...]


@lru_cache(maxsize=4_096)
def parse(cidr: str) -> Network:
    """A network from ``10.0.0.0/8``, ``2001:db8::/32`` or a bare address.

    Raises InvalidRequest for anything else, host bits beyond the prefix included.
    """
    try:
        return ip_network(cidr)
    except ValueError:
        raise InvalidRequest("A network is not in CIDR notation.", cidr=cidr[:64]) from None


def parse_all(cidrs: Iterable[str]) -> Networks:
    """The networks of a list; raises InvalidRequest."""
    return tuple(map(parse, cidrs))


@lru_cache(maxsize=4_096)
def allows(networks: Networks, source_ip: str) -> bool:
    """Whether an address is in one of the networks; no network at all places no demand.

    An IPv4 address mapped into IPv6 (RFC 4291, 2.5.5.2) counts as the IPv4 address. What is
    not an address, such as the empty source of a Unix socket, is in no network.
    """
    if not networks:
        return True
    try:
        address = _plain(ip_address(source_ip))
    except ValueError:
        return False
    return any(address in network for network in networks)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
