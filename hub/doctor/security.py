"""The doctor's look at who may speak for whom, at certificates, and at passwords that travel in the clear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from devices.errors import ConfigError
from hub.doctor.examined import Examined, Finding
from hub.embedded.broker import is_loopback
from hub.settings.settings import Settings
from ingest.listening import ServerTlsSection
from ingest.plugin import discover
from ingest.transports.tls import certificate, server_context

SOON = timedelta(days=21)


def check_doors(examined: Examined) -> Iterable[Finding]:
    """Whether a device could speak for another."""
    settings = examined.settings
    broker = settings.broker
    if settings.embedded_broker:
        local = is_loopback(broker.host)
        anyone = broker.devices == "anyone" or (broker.devices == "auto" and local and broker.username is None)
        if anyone:
            advice = 'broker.devices = "keys", and a key for each device: sanihub keys create NAME --role device'
            detail = "programs of this machine may publish for every device, without a key"
            asked_for = broker.devices == "anyone"
            yield Finding("MQTT devices", "warn" if asked_for else "ok", detail, advice if asked_for else "")
        elif broker.username is not None:
            advice = "give each device its key (sanihub keys create), then remove broker.username"
            yield Finding(
                "MQTT devices", "warn", f"whoever knows the password of {broker.username} is any device", advice
            )
        else:
            yield Finding("MQTT devices", "ok", "each brings its key and speaks for itself alone")
    for name in _open_lines(settings):
        advice = 'name the device, or take certificates: identity = "certificate" with tls.clients_ca'
        yield Finding(f"NMEA {name}", "warn", "whoever reaches the port may say which device it is", advice)


def check_transport(examined: Examined) -> Iterable[Finding]:
    """Certificates that end, and listeners beyond this machine without encryption."""
    bare = []
    for name, host, section in _listeners(examined.settings):
        if section is not None:
            yield _certificate(name, section)
        elif not is_loopback(host):
            bare.append(name)
    if bare:
        advice = "give them tls (docs/tls.md), or let nobody between them and their peers: a VPN, a carrier's APN"
        yield Finding("encryption", "warn", f"in the clear beyond this machine: {', '.join(bare)}", advice)
    yield from _database(examined.settings)


def _listeners(settings: Settings) -> Iterator[tuple[str, str, ServerTlsSection | None]]:
    """What the hub listens at: its name, its address, its encryption."""
    yield "API", settings.api.host, settings.api.tls
    if settings.embedded_broker:
        yield "MQTT broker", settings.broker.host, settings.broker.tls
    for plugin in discover().values():
        for section in settings.sections(plugin):
            if "tls" in type(section).model_fields and getattr(section, "kind", "tcp-server") == "tcp-server":
                yield f"{plugin.setting} {section.name}", section.host, section.tls


def _certificate(name: str, section: ServerTlsSection) -> Finding:
    check = f"certificate of {name}"
    try:
        server_context(section.tls(), name)
        found = certificate(section.certificate, name)
    except ConfigError as error:
        return Finding(check, "fail", str(error), "renew it; a running hub takes the files up by itself")
    left = found.ends - datetime.now(UTC)
    detail = f"{section.certificate} for {', '.join(found.names) or 'no name'}, until {found.ends:%Y-%m-%d}"
    if found.begins > datetime.now(UTC):
        return Finding(check, "warn", f"{detail}; it holds from {found.begins:%Y-%m-%d} on", "wait, or check the clock")
    if left < SOON:
        return Finding(check, "warn", f"{detail}: {left.days} days", "renew it; a running hub takes it up by itself")
    return Finding(check, "ok", detail)


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.embedded_database:
        return
    try:
        told: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(settings.store.dsn.get_secret_value())
    except psycopg.ProgrammingError:
        return  # the check of the store says so
    host = str(told.get("host") or "")
    mode = str(told.get("sslmode") or "prefer")
    if host and not Path(host).is_absolute() and not is_loopback(host) and mode not in ("verify-full", "verify-ca"):
        advice = "add sslmode=verify-full and sslrootcert=/path/ca.pem to store.dsn (docs/tls.md)"
        yield Finding("database TLS", "warn", f"sslmode={mode}: who answers at {host} is not verified", advice)


def _open_lines(settings: Settings) -> Iterator[str]:
    """Listeners of NMEA beyond this machine at which a line says who speaks."""
    for section in getattr(settings, "nmea", ()):
        shared = section.device is None and section.identity in ("auto", "line")
        if section.kind in ("tcp-server", "udp") and shared and not is_loopback(section.host):
            yield section.name
