"""Commands through the API to a real terminal on a real socket, and what the audit says of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.ports.commands import NoAnswerError, UnreachableError
from devices.access import AuditNote
from devices.errors import TransientError
from devices.read_models import DeviceEntry
from devices.registry import Registry
from devices.vocabulary import Device, Identity
from hub.commanding import Commanding
from ingest import ports
from ingest.adapters.jt808.terminals import Jt808Server
from tests.posting import Post, posting
from tests.terminal import PHONE, Terminal, position

TEXT = {"command": "text", "text": "前方施工，请绕行"}


@pytest.fixture
async def post(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Post]:
    async with posting(postgres_dsn, tmp_path, jt808=[{"name": "vehicles", "port": 0}]) as opened:
        yield opened


async def enter(post: Post) -> Terminal:
    """A terminal that is known and connected."""
    (server,) = (adapter for adapter in post.hub.adapters if isinstance(adapter, Jt808Server))
    terminal = await Terminal(PHONE).connect((server.tcp.host, server.tcp.port))
    await terminal.enter()
    terminal.send(0x0200, position())
    await terminal.reply()
    return terminal


async def command(post: Post, key: str | None, body: Any = None, device: str = PHONE, **options: Any) -> httpx.Response:
    headers = {"X-API-Key": key or ""}
    if body is not None:
        options["json"] = body
    return await post.client.post(f"/api/v1/devices/{device}/commands", headers=headers, **options)


async def audit(post: Post) -> list[tuple[str, str, str, str]]:
    """(actor, action, target, outcome), oldest first, of all but the keys."""
    rows = post.sql(
        "SELECT actor, action, target, outcome FROM audit WHERE starts_with(action, 'command.') ORDER BY id"
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def test_a_text_to_the_display(post: Post) -> None:
    key = await post.key("dispatcher")
    actor = f"key:{key.split('_')[1]}"
    async with await enter(post) as terminal:
        shown = await post.client.get(f"/api/v1/devices/{PHONE}/commands")
        assert shown.json() == {"device": PHONE, "commands": ["text"]}
        told = asyncio.create_task(command(post, key, TEXT | {"urgent": True}))
        asked = await terminal.reply()
        assert (asked.message_id, asked.body[1:].decode("gbk")) == (0x8300, TEXT["text"])
        assert await audit(post) == [(actor, "command.text", f"device:{PHONE}", "asked")]
        terminal.send(0x0001, asked.serial.to_bytes(2, "big") + b"\x83\x00\x00")
        answer = await told
        assert (answer.status_code, answer.json()) == (
            200,
            {"device": PHONE, "command": "text", "answer": {"result": 0}},
        )
        assert [entry[3] for entry in await audit(post)] == ["asked", "done"]
        refused = asyncio.create_task(command(post, key, TEXT))
        asked = await terminal.reply()
        terminal.send(0x0001, asked.serial.to_bytes(2, "big") + b"\x83\x00\x03")
        answer = await refused
        assert answer.status_code == 409
        assert "not supported" in answer.json()["detail"]
        gone = asyncio.create_task(command(post, key, TEXT))
        await terminal.reply()
        terminal.kill()
        answer = await gone
        assert (answer.status_code, answer.json()["type"]) == (504, "urn:sanihub:problem:no-answer")
    answer = await command(post, key, TEXT)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:sanihub:problem:unreachable")
    assert (await post.client.get(f"/api/v1/devices/{PHONE}/commands")).json()["commands"] == []
    outcomes = [entry[3] for entry in await audit(post)]
    assert outcomes[::2] == ["asked", "asked", "asked", "unreachable"]
    assert [outcome.split(":")[0] for outcome in outcomes[1::2]] == ["done", "failed", "no answer"]


async def test_who_may_and_what(post: Post) -> None:
    async with await enter(post):
        assert (await command(post, None, TEXT)).status_code == 401
        for role in ("viewer", "integration"):
            assert (await command(post, await post.key(role), TEXT)).status_code == 403
        assert (await command(post, await post.key("device", device=PHONE), TEXT)).status_code == 403
        key = await post.key("manager")
        assert (await command(post, key, TEXT, device="nobody")).status_code == 404
        for body, field in (
            ({"command": "explode"}, "command"),
            ({}, "command"),
            ({"command": "text"}, "text"),
            ({"command": "text", "text": ""}, "text"),
            ({"command": "text", "text": "x" * 501}, "text"),
            ({"command": "text", "text": "a\0b"}, "text"),
            ({"command": "text", "text": "x", "loud": True}, "loud"),
            ({"command": "text", "text": "x", "urgent": "perhaps"}, "urgent"),
            ({"command": "set", "point": "fan speed", "value": 1}, "point"),
        ):
            answer = await command(post, key, body)
            assert answer.status_code == 422, body
            assert [(e["where"], e["field"]) for e in answer.json()["errors"]] == [("body", field)], body
        for content in (b"", b"{", b"[]", b"\xff", b'{"command": "text", "text": "\\ud800"}'):
            assert (await command(post, key, content=content)).status_code == 422, content
        answer = await command(post, key, TEXT | {"text": "🚛"})
        assert (answer.status_code, "GBK" in answer.json()["detail"]) == (422, True)
        answer = await command(post, key, {"command": "set", "point": "fan", "value": True})
        assert answer.status_code == 409
        assert "text" in answer.json()["detail"]
        assert [entry[3].split(":")[0] for entry in await audit(post)] == ["asked", "refused", "unreachable"]


async def test_nothing_is_sent_that_cannot_be_noted(post: Post) -> None:
    key = await post.key("dispatcher")
    async with await enter(post) as terminal:
        assert (await command(post, key, TEXT | {"text": "🚛"})).status_code == 422  # the key is known from now on
        post.sql("ALTER TABLE audit RENAME TO elsewhere")
        assert (await command(post, key, TEXT)).status_code == 503
        post.sql("ALTER TABLE elsewhere RENAME TO audit")
        serial = terminal.send(0x0002)
        assert (await terminal.reply()).general == (serial, 0x0002, 0)  # and not a text before it


async def test_the_audit_is_read_by_managers_and_changed_by_nobody(post: Post) -> None:
    manager, dispatcher = await post.key("manager"), await post.key("dispatcher")
    assert (await post.client.get("/api/v1/audit", headers={"X-API-Key": ""})).status_code == 401
    denied = await post.client.get("/api/v1/audit", headers={"X-API-Key": dispatcher})
    assert denied.status_code == 403
    async with await enter(post):
        for _ in range(3):
            await command(post, dispatcher, {"command": "set", "point": "fan", "value": 2.5})

    async def page(**params: Any) -> dict[str, Any]:
        answer = await post.client.get("/api/v1/audit", params=params, headers={"X-API-Key": manager})
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    everything = (await page())["items"]
    assert [entry["action"] for entry in everything] == ["command.set"] * 3 + ["key.create"] * 2
    assert everything[0]["details"] == {"point": "fan", "value": 2.5}
    assert dispatcher not in str(everything)
    paged: list[Any] = []
    cursor: dict[str, Any] = {}
    while True:
        found = await page(limit=2, **cursor)
        paged += found["items"]
        if found["next_cursor"] is None:
            break
        cursor = {"cursor": found["next_cursor"]}
    assert paged == everything
    assert len((await page(target=f"device:{PHONE}", action="command.set"))["items"]) == 3
    assert (await page(actor="nobody"))["items"] == []
    for statement in ("DELETE FROM audit", "UPDATE audit SET outcome = 'done'", "TRUNCATE audit"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added to"):
            post.sql(statement)


class Controller:
    """An adapter whose one device answers as the test says."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def reaches(self, device: Device, identities: Sequence[Identity]) -> tuple[str, ...]:
        return ("set",) if Identity("modbus", "7") in identities else ()

    async def command(
        self, device: Device, identities: Sequence[Identity], name: str, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"point": arguments["point"], "value": self.answer}


class Notes:
    """An audit that can be away."""

    def __init__(self, away_after: int = 99) -> None:
        self.notes: list[AuditNote] = []
        self.away_after = away_after

    async def note(self, note: AuditNote) -> None:
        if len(self.notes) >= self.away_after:
            raise TransientError("away")
        self.notes.append(note)


@pytest.mark.parametrize(
    ("answer", "raised", "outcome"),
    [
        (1, None, "done"),
        (ports.CommandError("exception 2"), UnreachableError, "failed: exception 2"),
        (ports.NoAnswerError("no answer within 3 s"), NoAnswerError, "no answer: no answer within 3 s"),
        (ValueError("value: expected 0 or 1"), ValueError, "refused: value: expected 0 or 1"),
        (TimeoutError(), NoAnswerError, "no answer: not within 60 s"),
    ],
)
async def test_outcomes(answer: Any, raised: type[Exception] | None, outcome: str) -> None:
    entry = DeviceEntry("toilet-3", "toilet", "active", "", {}, ("id:toilet-3", "modbus:7"), 0, 0)
    registry = Registry([(Identity("id", "toilet-3"), Device(3, "toilet-3", "toilet"))])
    notes = Notes()
    commanding = Commanding(registry, [object(), Controller(answer)], notes)
    assert commanding.available(entry) == ["set"]
    if raised is None:
        told = await commanding.send("key:a", entry, "set", {"point": "fan", "value": 1})
        assert told == {"point": "fan", "value": 1}
    else:
        with pytest.raises(raised):
            await commanding.send("key:a", entry, "set", {"point": "fan", "value": 1})
    assert [note.outcome for note in notes.notes] == ["asked", outcome]
    assert {(note.actor, note.action, note.target) for note in notes.notes} == {
        ("key:a", "command.set", "device:toilet-3")
    }
    with_log = Commanding(registry, [Controller(1)], Notes(away_after=1))
    assert await with_log.send("key:a", entry, "set", {"point": "fan", "value": 1}) == {"point": "fan", "value": 1}
