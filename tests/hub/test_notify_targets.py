"""Which addresses notifications may be sent to, whatever they are written like."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_network
from typing import Any

import pytest

from hub.notify.targets import TargetError, Targets, resolve


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1",
        "168.63.129.16", "192.0.2.1", "203.0.113.5",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:0a00:0001::1", "::ffff:168.63.129.16",
    ],
)  # fmt: skip
def test_not_public(address: str) -> None:
    assert Targets().fault(address) is not None


@pytest.mark.parametrize("address", ["8.8.8.8", "223.5.5.5", "2400:3200::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public(address: str) -> None:
    assert Targets().fault(address) is None


@pytest.mark.parametrize("address", ["localhost", "", "127.1", "2130706433", "/run/socket", "1.2.3.4.5"])
def test_what_is_no_address_is_refused(address: str) -> None:
    assert Targets().fault(address) is not None


def test_networks_of_the_settings() -> None:
    targets = Targets([ip_network("10.1.0.0/16")], [ip_network("10.1.9.0/24"), ip_network("8.8.8.0/24")])
    assert targets.fault("10.1.2.3") is None
    assert targets.fault("::ffff:10.1.2.3") is None
    assert targets.fault("10.2.0.1") is not None
    assert targets.fault("10.1.9.1") == "10.1.9.1 lies in a network that the settings forbid"
    assert targets.fault("::ffff:8.8.8.8") is not None


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "::ffff:127.0.0.1", "::1", "0"],
)
async def test_spellings_of_loopback(host: str) -> None:
    with pytest.raises(OSError):
        await resolve(host, 80, Targets())


async def test_it_is_the_resolved_address_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"mixed.example": ["10.0.0.1", "93.184.215.14"], "inside.example": ["10.0.0.1", "fd00::1"]}

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers[host]]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    assert await resolve("mixed.example", 443, Targets()) == ["93.184.215.14"]
    with pytest.raises(TargetError, match=r"inside.example: 10.0.0.1 is not a public address.*; fd00::1 is not"):
        await resolve("inside.example", 443, Targets())
