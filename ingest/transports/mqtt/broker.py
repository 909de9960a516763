"""A broker, and how the hub speaks to it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal

import msgspec

from devices.errors import ConfigError


class Tls(msgspec.Struct, frozen=True):
    """Transport security.

    ``ca`` is a file of trusted certificates (the system's when None); ``certificate`` and ``key`` are the client's
    own. ``verify`` off is for tests with throwaway certificates only.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verify: bool = True


class Broker(msgspec.Struct, frozen=True):
    """One broker and how the hub speaks to it.

    ``client_id`` names the persistent session and must be unique at the broker. ``share`` is a shared-subscription
    group (``$share/<group>/...``; MQTT 5, or brokers that offer it for 3.1.1). ``in_flight`` bounds unacknowledged
    messages: told to the broker in MQTT 5 (receive maximum); in 3.1.1 the broker's own window applies.
    ``session_expiry_s`` is how long the broker keeps the session of an absent hub (MQTT 5).
    """

    name: str
    host: str = "127.0.0.1"
    port: int = 1883
    version: Literal["3.1.1", "5"] = "3.1.1"
    client_id: str = "sanihub"
    username: str | None = None
    password: str | None = None
    tls: Tls | None = None
    keepalive_s: int = 30
    share: str | None = None
    in_flight: int = 10_000
    session_expiry_s: int = 7 * 86_400
    connect_timeout_s: float = 10.0


def tls_context(tls: Tls) -> ssl.SSLContext:
    """An SSL context for a client. Raises ConfigError that names the file."""
    try:
        context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"mqtt.tls: {tls.ca or ''} {tls.certificate or ''}: {error}") from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
