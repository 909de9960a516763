"""Where the devices of ``sanihub simulate`` find a hub: the addresses of its command line."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from devices.errors import ConfigError
from simulators.casting import Peers
from simulators.speakers.http_json import HttpAddress
from simulators.speakers.lines import Peer


def peers(
    jt808: str | None,
    nmea_tcp: str | None,
    nmea_udp: str | None,
    http: str | None,
    key: str | None,
    modbus_port: int | None,
    lorawan: bool,
) -> Peers:
    """The peers of these options. Raises ConfigError that names the option; a key is never repeated."""
    return Peers(
        jt808=None if jt808 is None else Peer(*_address("--jt808", jt808)),
        nmea_tcp=None if nmea_tcp is None else Peer(*_address("--nmea-tcp", nmea_tcp)),
        nmea_udp=None if nmea_udp is None else _address("--nmea-udp", nmea_udp),
        http=_http(http, key),
        modbus=None if modbus_port is None else partial(listening, modbus_port),
        lorawan=lorawan,
    )


def listening(first_port: int, count: int) -> Sequence[socket.socket]:
    """Sockets of so many Modbus gateways, on all addresses, at ports that follow one another. Raises OSError."""
    sockets: list[socket.socket] = []
    try:
        for number in range(count):
            sockets.append(socket.create_server(("", first_port + number)))
    except (OSError, OverflowError) as error:
        for opened in sockets:
            opened.close()
        raise OSError(f"--modbus-port: port {first_port + len(sockets)}: {error}") from error
    return sockets


def _address(option: str, text: str) -> tuple[str, int]:
    expected = f"{option}: expected host:port (127.0.0.1:6808, [::1]:6808), got {text!r}"
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(expected) from None
    if not host or not port or parts.path or parts.query or parts.username is not None:
        raise ConfigError(expected)
    return host, port


def _http(url: str | None, key: str | None) -> HttpAddress | None:
    if url is None:
        if key is not None:
            raise ConfigError("--key: is for --http only")
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username is not None:
        raise ConfigError("--http: expected http://host:port or https://..., with the key in --key")
    if not key:
        raise ConfigError("--http: needs --key, a key that the hub has given out")
    return HttpAddress(url, key)
