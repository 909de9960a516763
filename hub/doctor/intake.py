"""The doctor's look at what comes in: devices that are heard, messages that are refused, listeners, tiles."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from hub.doctor.examined import Examined, Finding
from hub.doctor.network import held_by_a_hub
from ingest.plugin import discover
from store.embedded.vacancy import port_is_free

QUIET_S = 3_600
AHEAD_S = 60  #: of the newest message before this machine's clock
_GCJ02_HOSTS = ("autonavi.com", "amap.com", "gaode.com", "qq.com", "gtimg.com", "google.cn")


def check_devices(examined: Examined) -> Finding | None:
    """Whether anything is heard at all."""
    facts = None if examined.server is None else examined.server.intake
    if facts is None:
        return None
    (section,) = examined.settings.sections(discover()["mqtt-json"])
    topic = f"{section.prefix}/v1/<device>/telemetry"
    if facts.newest is None:
        advice = (
            f"devices publish to {topic} at the broker that the hub is connected to; a topic that is written otherwise "
            "is not heard. To try: mosquitto_pub, as the README has it"
        )
        return Finding("devices", "warn", f"{facts.devices} are entered, and none was ever heard", advice)
    quiet_s = (facts.now - facts.newest) / 1e6
    detail = f"{facts.heard} of {facts.devices} were heard, the last one {_ago(quiet_s)}"
    if quiet_s > QUIET_S:
        advice = f"does the hub run, do devices reach its broker, and do they publish to {topic}?"
        return Finding("devices", "warn", detail, advice)
    return Finding("devices", "ok", detail)


def check_dead_letters(examined: Examined) -> Finding | None:
    """What is refused, and why most of it."""
    facts = None if examined.server is None else examined.server.intake
    if facts is None:
        return None
    refused = facts.refusals
    if refused is None:
        return Finding("dead letters", "ok", "none of the last day")
    many = "10,000 or more" if refused.count >= 10_000 else f"{refused.count:,}"
    detail = (
        f"{many} of the last day, {refused.frequent:,} alike, the newest from {refused.sender}: {refused.reason[:300]}"
    )
    advice = "mend it at the device; `sanihub dead-letters list` shows all, `replay` files them once the hub can"
    if "not registered" in refused.reason:
        advice = "register the devices (`sanihub import devices.yaml`), then `sanihub dead-letters replay`"
    return Finding("dead letters", "warn", detail, advice)


def check_received(examined: Examined) -> Finding | None:
    """Messages that came later than now: the clock was put back, or was wrong when they came."""
    facts = None if examined.server is None else examined.server.intake
    if facts is None or facts.newest is None or facts.newest - facts.now <= AHEAD_S * 1_000_000:
        return None
    lead = _ago((facts.newest - facts.now) / 1e6).removesuffix(" ago")
    advice = (
        "set the clock right and keep it so (chrony, systemd-timesyncd): what comes now is older than what is stored, "
        "and counts as late"
    )
    return Finding("clock", "fail", f"the newest message in the store came {lead} after now", advice)


async def check_listeners(examined: Examined) -> list[Finding]:
    """The ports that devices connect to: free, or held by this hub."""
    found = []
    api = examined.settings.api
    for setting, section in _listening(examined):
        name, host, port = section.name, section.host, section.port
        check = f"{setting} {name}"
        try:
            free = port_is_free(host, port)
        except OSError as error:
            advice = f"set {setting}.host to an address of this machine, or 0.0.0.0"
            found.append(Finding(check, "fail", f"{host}:{port}: {error.strerror}", advice))
            continue
        if free:
            found.append(Finding(check, "ok", f"{host}:{port} is free"))
        elif await asyncio.to_thread(held_by_a_hub, api.host, api.port, secure=api.tls is not None):
            found.append(Finding(check, "ok", f"{host}:{port} is in use, and a hub runs"))
        else:
            advice = f"stop the other program, or choose another {setting}.port"
            found.append(Finding(check, "fail", f"{host}:{port} is taken by another program", advice))
    return found


def _listening(examined: Examined) -> Iterator[tuple[str, Any]]:
    for plugin in discover().values():
        for section in () if plugin.sole else examined.settings.sections(plugin):
            listens = getattr(section, "kind", "tcp-server") == "tcp-server"
            if listens and getattr(section, "port", None) and plugin.setting in ("jt808", "nmea"):
                yield plugin.setting, section


def check_tiles(examined: Examined) -> Finding | None:
    """A base map of China whose datum is not named puts everything half a kilometre off."""
    board = examined.settings.api.board
    host = urlsplit(board.tiles_url).hostname or ""
    if not host:
        return None
    if board.tiles_datum == "wgs84" and any(host == one or host.endswith(f".{one}") for one in _GCJ02_HOSTS):
        advice = 'set tiles_datum = "gcj02" in [api.board]: the board then puts devices where the map has them'
        return Finding("map tiles", "warn", f"{host} draws in GCJ-02, the board takes it for WGS-84", advice)
    return Finding("map tiles", "ok", f"{host}, {board.tiles_datum}")


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"
