"""What a key may do at the embedded broker: pure, from the key, the user name and the client id.

The user name of a device's key is the device's id, that of any other key its name; the password is the key itself. A
client id names a session, and who connects under it takes that session over with all that waits in it. So a device may
only use its own id, its own id with ``/`` and anything behind it (``/`` stands in no id), or none, for which the broker
draws one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from devices.access import KeyEntry, Role

DRAWN = re.compile(r"[0-9A-Za-z]{22}\Z")  #: a client id as nats-server draws it (its NUID) for a client without one
HUB_CLIENTS = "sanihub"  #: client ids of the hub itself begin so
_READERS = (Role.VIEWER, Role.DISPATCHER, Role.MANAGER, Role.ADMIN)


class Topics(msgspec.Struct, frozen=True):
    """The topics of this hub. ``prefix`` and ``orders`` as in the settings; ``alerts`` those of the MQTT channels.

    ``servers`` are filters that keys of the role integration may publish and subscribe to, beside posting telemetry.
    """

    prefix: str = "sanihub"
    orders: str = "sanihub"
    alerts: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


class Grant(msgspec.Struct, frozen=True):
    """Subjects of nats-server that a connection may publish and subscribe to; until when (µs; None: no end)."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    expires_at: int | None = None


class Refusal(Exception):  # noqa: N818 - a decision, not a fault
    """Nobody is let in like this; the text says why, for the log."""


def grant(entry: KeyEntry, user: str, client: str, topics: Topics, is_device: Callable[[str], bool]) -> Grant:
    """What a sound key may do under this user name and client id; ``is_device`` knows ids. Raises Refusal."""
    expected = entry.device if entry.role is Role.DEVICE else entry.name
    if user != expected:
        raise Refusal(f"the key is that of {expected!r}: the user name has to be that")
    own = entry.role is Role.DEVICE and (client == user or client.startswith(f"{user}/"))
    if not own:
        _check_client(client, entry, is_device)
    publish, subscribe = _subjects(entry, topics)
    return Grant(publish, subscribe, entry.expires_at)


def _check_client(client: str, entry: KeyEntry, is_device: Callable[[str], bool]) -> None:
    if client.startswith(HUB_CLIENTS):
        raise Refusal("the client id is one of the hub's own")
    if is_device(client.partition("/")[0]):
        raise Refusal("the client id is another device's")
    if entry.role is Role.DEVICE and not DRAWN.match(client):
        raise Refusal("the client id of a device is its own id, or empty")


def _subjects(entry: KeyEntry, topics: Topics) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Raises Refusal for a role that has no business here."""
    if entry.role is Role.DEVICE:
        device = entry.device or ""
        published = (f"{topics.prefix}/v1/{device}/telemetry", f"{topics.prefix}/v1/{device}/status")
        return subjects(published), subjects((f"{topics.orders}/v1/{device}/orders",))
    if entry.role is Role.INTEGRATION:
        posted = (f"{topics.prefix}/v1/+/telemetry", f"{topics.prefix}/v1/+/status")
        return subjects((*posted, *topics.servers)), subjects(topics.servers)
    if entry.role in _READERS:
        if entry.areas is not None:
            raise Refusal("the key is limited to areas, which topics cannot be")
        read = {topics.prefix, topics.orders, *topics.alerts}
        return (), subjects(tuple(f"{prefix}/v1/#" for prefix in sorted(read)))
    raise Refusal(f"the role {entry.role.value} does not speak MQTT")


def subjects(filters: Sequence[str]) -> tuple[str, ...]:
    """Filters of MQTT (3.1.1, section 4.7) as subjects of nats-server; ``#`` takes its own level too."""
    found: list[str] = []
    for one in filters:
        subject = ".".join(_token(level) for level in one.split("/"))
        if subject.endswith(".>"):
            found.append(subject[:-2])
        found.append(subject)
    return tuple(found)


def _token(level: str) -> str:
    """A level of a topic as nats-server writes it (its mqtt.go): a dot inside becomes two slashes."""
    return {"+": "*", "#": ">"}.get(level) or level.replace(".", "//")
