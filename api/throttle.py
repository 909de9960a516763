"""Tries that may be wrong, slowed down by whoever makes them; bounded in memory."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

MAX_REMEMBERED = 10_000


class Throttle:
    """Wrong tries by name or address: ``burst`` at once, then one each ``recovery_s`` seconds.

    ``now`` is any steady clock, s. Kept for each is the moment at which it will have all its tries back.
    """

    def __init__(self, burst: int = 10, recovery_s: float = 6.0, remembered: int = MAX_REMEMBERED) -> None:
        self._burst = burst
        self._recovery_s = recovery_s
        self._remembered = remembered
        self._whole_at: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, name: str, now: float) -> float:
        """Seconds until another try; 0 when there may be one now."""
        ahead = self._whole_at.get(name, now) - now
        return max(0.0, ahead - (self._burst - 1) * self._recovery_s)

    def wrong(self, name: str, now: float) -> None:
        """Note a wrong try."""
        self._whole_at[name] = max(now, self._whole_at.pop(name, now)) + self._recovery_s
        while len(self._whole_at) > self._remembered:
            self._whole_at.popitem(last=False)

    def right(self, name: str) -> None:
        """Take back a try that was noted as wrong before anybody knew."""
        if name in self._whole_at:
            self._whole_at[name] -= self._recovery_s


def address_of(host: str) -> str:
    """The address that tries are counted by: of IPv6 the network of 64 bits, for one peer has all of it."""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address)
