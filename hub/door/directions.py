"""What is to be entered in a device, or in a program, that was given a key."""

from __future__ import annotations

from collections.abc import Sequence

from devices.access import KeyEntry, Role
from hub.access import data_folder
from hub.door.wiring import topics_of
from hub.embedded.broker import MQTT_PORT
from hub.settings.settings import Settings

_WIDE = ("0.0.0.0", "::")  # noqa: S104 - compared only


def directions(settings: Settings, entry: KeyEntry) -> Sequence[str]:
    """Lines for people; without the key itself. Nothing for keys that only read over HTTP."""
    if entry.role not in (Role.DEVICE, Role.INTEGRATION):
        return ()
    prefix = topics_of(settings).prefix
    user, topic = entry.device or entry.name, f"{prefix}/v1/{entry.device or '<device>'}/telemetry"
    api = settings.api
    url = f"{'https' if api.tls else 'http'}://{_shown(api.host)}:{api.port or '<port>'}"
    http = f"  HTTP  POST {url}/api/v1/telemetry, header: Authorization: Bearer <the key>"
    if not settings.embedded_broker:
        return (
            http,
            f"  MQTT  at your broker, once it has it: sanihub broker users mosquitto (or emqx); topic {topic}",
        )
    broker = settings.broker
    where = f"host {_shown(broker.host)}, port {_port(settings)}{', with TLS' if broker.tls else ''}"
    return (http, f"  MQTT  {where}, user {user}, password: the key, client id {user} or none, topic {topic}")


def _shown(host: str) -> str:
    return "<this machine>" if host in _WIDE else host


def _port(settings: Settings) -> int:
    """The port of the broker; that of a running one where it stands."""
    if settings.broker.port is not None:
        return settings.broker.port
    try:
        return int((data_folder(settings) / "broker" / "port").read_text("ascii"))
    except (OSError, ValueError):
        return MQTT_PORT
