"""Where notifications may be sent: public addresses, and networks that the settings allow.

Whoever may set a webhook's address could otherwise make the hub speak to what only the hub can reach: its own
database, devices of the depot, the metadata service of a cloud. It is the *resolved* address that is judged, and the
connection is made to just that address, so that a name which answers differently the second time gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What the tables of older Pythons call public, and the address at which one cloud's machines meet their host.
_BESIDES = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "64:ff9b:1::/48", "3fff::/20", "5f00::/16")
)


class TargetError(OSError):
    """The address is not one that notifications may be sent to."""


class Targets:
    """Judges addresses. ``allowed`` goes before everything else but ``forbidden``; both are networks."""

    def __init__(self, allowed: Iterable[Network] = (), forbidden: Iterable[Network] = ()) -> None:
        self.allowed = tuple(allowed)
        self.forbidden = tuple(forbidden)

    def fault(self, text: str) -> str | None:
        """What is wrong with an address that a name was resolved to; None when it may be connected to."""
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return f"{text!r} is no IP address"
        forms = _forms(address)
        if any(_within(form, self.forbidden) for form in forms):
            return f"{text} lies in a network that the settings forbid"
        if any(_within(form, self.allowed) for form in forms):
            return None
        for form in forms:
            if _within(form, _BESIDES) or not form.is_global or form.is_multicast or form.is_reserved:
                return f"{text} is not a public address; see notify.allowed_networks"
        return None

    def permits_local(self, text: str) -> bool:
        """Whether an address may be connected to even if it is this machine's own."""
        forms = _forms(ipaddress.ip_address(text.partition("%")[0]))
        return any(_within(form, self.allowed) for form in forms)


async def resolve(host: str, port: int, targets: Targets) -> list[str]:
    """The addresses of a host that may be connected to. Raises TargetError when none may, OSError when it has none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    faults = {address: targets.fault(address) for address in addresses}
    permitted = [address for address, fault in faults.items() if fault is None]
    if not permitted:
        reasons = sorted({fault for fault in faults.values() if fault})
        raise TargetError(f"{host}: {'; '.join(reasons) or 'has no address'}")
    return permitted


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _forms(address: Address) -> tuple[Address, ...]:
    """The address, and the IPv4 address that it carries inside: mapped, 6to4, Teredo, NAT64, IPv4-compatible."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)  # the same to the kernel
    if address in _NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF),)
    inner: list[Address] = []
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        inner += address.teredo
    if int(address) >> 32 == 0:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return (address, *inner)
