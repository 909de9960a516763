"""What the tests of notifications share: notices, messages, channels of settings, and rows of the outbox."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import psycopg

from alerts.notices.notice import Content, Message, Notice
from hub.notify.channel import Channel, Surroundings, kinds
from hub.notify.settings import NotifySection
from ingest.transports.mqtt.broker import Broker

ZONE = ZoneInfo("Asia/Shanghai")
AT = 1_764_000_000_000_000
SECRET = "whsec_" + "c2FuaWh1Yi10ZXN0LXNlY3JldC0xMjM0NTY3ODkwMTI="
LOOPBACK = ("127.0.0.0/8", "::1/128")


def notice(sequence: int = 1, action: str = "raised", **content: Any) -> Notice:
    fields = {"rule": "bin_full", "severity": "warning", "raised_at": AT, "title": "Bin full"}
    device = {"id": content.pop("device", "bin-0042")}
    made = msgspec.convert(fields | {"device": device} | content, Content)
    return Notice(sequence, f"{action}:{sequence}", action, AT, made)


def message(*notices: Notice, id_: str | None = None) -> Message:
    return Message(id_ or str(uuid4()), "test", notices or (notice(),))


def settings(*channels: dict[str, Any], allowed: tuple[str, ...] = LOOPBACK, **more: Any) -> NotifySection:
    """Settings with these channels, and a route for everything to all of them."""
    routes = [{"channels": [channel["name"] for channel in channels]}]
    fields = {"channels": channels, "routes": routes, "allowed_networks": allowed, "timezone": "Asia/Shanghai"}
    return NotifySection.model_validate(fields | more)


def connect(
    kind: str, *, allowed: tuple[str, ...] = LOOPBACK, brokers: dict[str, Broker] | None = None, **fields: Any
) -> Channel:
    """A channel of these settings."""
    chosen = settings({"name": "test", "kind": kind, **fields}, allowed=allowed)
    return kinds()[kind].connect(chosen.channels[0], Surroundings(chosen.targets(), brokers or {}, ZONE))


async def webhook(url: str, **fields: Any) -> Channel:
    return connect("webhook", url=url, secrets=[SECRET], allow_http=True, **fields)


async def enter(connection: psycopg.AsyncConnection, one: Notice, alert: int | None = None) -> int:
    """Enter a notice into the outbox; its sequence."""
    content = json.dumps(msgspec.to_builtins(one.content))
    cursor = await connection.execute(
        "INSERT INTO outbox (key, alert_id, action, content) VALUES (%s, %s, %s, %s) RETURNING id",
        (one.key, alert, one.action, content),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
