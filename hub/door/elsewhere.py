"""The same rules for brokers beside the hub: users and access lists of mosquitto and EMQX, out of the keys.

Devices are told apart by their user name, so that the list is the same for ten and for a hundred thousand. Programs
have lines of their own. A broker lets a user name in by one password: of several keys of one device the newest counts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec

from devices.access import KeyEntry, Role
from hub.door.grants import Topics

_HUB = "sanihub"
_READERS = (Role.VIEWER, Role.DISPATCHER, Role.MANAGER, Role.ADMIN)


class User(msgspec.Struct, frozen=True):
    """Somebody whom a broker knows: the user name, the key, and its hash for mosquitto."""

    name: str
    entry: KeyEntry
    mosquitto: str | None


def users(keys: Iterable[tuple[KeyEntry, str | None]]) -> tuple[list[User], list[str]]:
    """Users in the order of their keys, and who was left out and why, for people."""
    found: dict[str, User] = {}
    left: list[str] = []
    devices = set()
    usable = [(entry, hashed) for entry, hashed in keys if entry.role is not Role.WORKER]
    for entry, hashed in sorted(usable, key=lambda one: one[0].role is not Role.DEVICE):
        name = (entry.device if entry.role is Role.DEVICE else entry.name) or ""
        if entry.role is Role.DEVICE:
            devices.add(name)
        elif name in devices or name == _HUB:
            left.append(f"{entry.prefix}: the name {name!r} is that of {'the hub' if name == _HUB else 'a device'}")
            continue
        elif entry.areas is not None:
            left.append(f"{entry.prefix}: {name!r} is limited to areas, which topics cannot be")
            continue
        if set(name) & set(':+#/\\"') or not name.isprintable():
            left.append(f"{entry.prefix}: {name!r} cannot be a user name of a broker")
            continue
        found[name] = User(name, entry, hashed)
    return list(found.values()), left


def mosquitto_passwords(found: Sequence[User]) -> tuple[str, list[str]]:
    """A password file, and who has no line in it."""
    lines = [f"{user.name}:{user.mosquitto}\n" for user in found if user.mosquitto is not None]
    left = [
        f"{user.entry.prefix}: the key of {user.name} is older than hashes for mosquitto: make another one"
        for user in found
        if user.mosquitto is None
    ]
    return "".join(lines), left


def emqx_users(found: Sequence[User]) -> str:
    """Users to import into EMQX's built-in database: SHA-256 without a salt, as the hub keeps keys itself."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("user_id", "password_hash", "salt", "is_superuser"))
    rows.writerows((user.name, user.entry.hash.hex(), "", "false") for user in found)
    return text.getvalue()


def mosquitto_acl(topics: Topics, found: Sequence[User] = ()) -> str:
    """An access list of mosquitto: what is for all, then each program."""
    prefixes = sorted({topics.prefix, topics.orders, *topics.alerts})
    text = "# Who may do what at the broker. Devices: the user name is the device's id, as in "
    text += f"{topics.prefix}/v1/<id>/telemetry.\n# Made by: sanihub broker acl mosquitto\n\n"
    text += "# The hub reads what devices and network servers say, and tells devices and sirens.\n"
    text += f"user {_HUB}\ntopic read #\n" + "".join(f"topic write {prefix}/v1/#\n" for prefix in prefixes)
    for user in found:
        if user.entry.role is Role.INTEGRATION:
            text += f"\nuser {user.name}\ntopic write {topics.prefix}/v1/+/telemetry\n"
            text += f"topic write {topics.prefix}/v1/+/status\n"
            text += "".join(f"topic readwrite {one}\n" for one in topics.servers)
        elif user.entry.role in _READERS:
            text += f"\nuser {user.name}\n" + "".join(f"topic read {prefix}/v1/#\n" for prefix in prefixes)
    text += f"\npattern write {topics.prefix}/v1/%u/telemetry\npattern write {topics.prefix}/v1/%u/status\n"
    return text + f"pattern read {topics.orders}/v1/%u/orders\n"


def emqx_acl(topics: Topics, found: Sequence[User] = ()) -> str:
    """An access list of EMQX: the hub, each program, then what is for all."""
    prefixes = sorted({topics.prefix, topics.orders, *topics.alerts})
    told = [f"{prefix}/v1/#" for prefix in prefixes]
    text = "%% Who may do what at the broker; the same as mosquitto/acl. The user name of a device is its id.\n"
    text += "%% Made by: sanihub broker acl emqx\n"
    text += _rule(_HUB, "subscribe", ["#"]) + _rule(_HUB, "publish", told)
    posted = [f"{topics.prefix}/v1/+/telemetry", f"{topics.prefix}/v1/+/status"]
    for user in found:
        if user.entry.role is Role.INTEGRATION:
            text += _rule(user.name, "publish", [*posted, *topics.servers])
            text += _rule(user.name, "subscribe", topics.servers)
        elif user.entry.role in _READERS:
            text += _rule(user.name, "subscribe", told)
    own = [f"{topics.prefix}/v1/${{username}}/telemetry", f"{topics.prefix}/v1/${{username}}/status"]
    text += f"{{allow, all, publish, [{_quoted(own)}]}}.\n"
    text += f"{{allow, all, subscribe, [{_quoted([f'{topics.orders}/v1/${{username}}/orders'])}]}}.\n"
    return text + "{deny, all}.\n"


def _rule(user: str, action: str, filters: Sequence[str]) -> str:
    return f'{{allow, {{username, "{user}"}}, {action}, [{_quoted(filters)}]}}.\n' if filters else ""


def _quoted(filters: Sequence[str]) -> str:
    return ", ".join(f'"{one}"' for one in filters)
