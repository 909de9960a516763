"""A device cannot speak for another, over each way in. MQTT: test_broker_keys, NMEA with certificates: test_tls.

Modbus units say nothing by themselves: the hub connects to the address of its settings and asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from devices.metrics import Catalogue
from devices.vocabulary import Device, Identity
from ingest.adapters.jt808.owners import Owners
from ingest.adapters.jt808.terminals import Jt808Server
from ingest.adapters.nmea.plugin import NmeaLine
from ingest.wire.native import messages
from tests.nmea import drive
from tests.posting import Post, posting, until
from tests.terminal import Terminal, position, register

ALICE, BOB = "013800000001", "013800000002"


@pytest.fixture
async def post(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Post]:
    sections = {
        "jt808": [{"name": "vehicles", "port": 0}],
        "nmea": [
            {"name": "pinned", "kind": "tcp-server", "port": 0, "device": "sweeper-7"},
            {"name": "by address", "kind": "tcp-server", "port": 0, "identity": "peer"},
        ],
    }
    async with posting(postgres_dsn, tmp_path, **sections) as opened:
        yield opened


def jt808(post: Post) -> tuple[str, int]:
    (server,) = (one for one in post.hub.adapters if isinstance(one, Jt808Server))
    return "127.0.0.1", server.tcp.port


def nmea(post: Post, name: str) -> tuple[str, int]:
    (line,) = (one for one in post.hub.adapters if isinstance(one, NmeaLine) and one.name == f"nmea {name}")
    return line.transport.address  # type: ignore[attr-defined, no-any-return]


def terminal_of(number: str) -> bytes:
    """A registration by another piece of hardware; the plate is on every car for all to read."""
    return register().replace(b"T000042", number.encode())


def positions(post: Post) -> list[tuple[str, float]]:
    return post.sql("SELECT d.id, f.lat FROM fixes f JOIN devices d ON d.key = f.device_key ORDER BY 1, 2")  # type: ignore[return-value]


async def test_http_a_device_posts_for_itself_alone(post: Post) -> None:
    key = await post.key("device", "bin-alice")
    body = {"device": "bin-bob", "ts": 1_795_000_000, "readings": {"fill_pct": 66}}
    for payload in (body, [{**body, "device": "bin-alice"}, body]):
        assert (await post.telemetry(key, payload)).status_code == 403
    for path in ("/api/v1/uplinks/chirpstack?event=up", "/api/v1/uplinks/tts"):
        answer = await post.client.post(path, headers={"Authorization": f"Bearer {key}"}, json={})
        assert answer.status_code == 403, "webhooks are for network servers"
    assert post.readings() == []


async def test_jt808_a_code_opens_its_own_phone_alone(post: Post) -> None:
    async with await Terminal(ALICE).connect(jt808(post)) as alice, await Terminal(BOB).connect(jt808(post)) as bob:
        code = await alice.register()
        await bob.enter()
        assert await alice.authenticate(code) == 0
        alice.phone = BOB  # on the connection that alice was let in on
        assert await alice.authenticate(code) == 1
        serial = alice.send(0x0200, position(lat=66.0))
        assert (await alice.reply()).general == (serial, 0x0200, 1)
        serial = bob.send(0x0200, position(lat=31.0))
        assert (await bob.reply()).general == (serial, 0x0200, 0)
    assert positions(post) == [(BOB, 31.0)]


async def test_jt808_another_terminal_gets_no_code_for_a_phone_that_has_one(post: Post) -> None:
    address = jt808(post)
    async with await Terminal(ALICE).connect(address) as alice:
        alice.send(0x0100, terminal_of("ALICE01"))
        first = await alice.reply()
        assert first.body[2] == 0
        async with await Terminal(ALICE).connect(address) as forger:
            forger.send(0x0100, terminal_of("FORGER1"))
            reply = await forger.reply()
            assert (reply.message_id, reply.body[2:]) == (0x8100, b"\x03"), "taken, and no code behind it"
            assert await forger.authenticate(b"guess") == 1
        assert await alice.authenticate(first.body[3:]) == 0
    async with await Terminal(ALICE).connect(address) as again:
        again.send(0x0100, terminal_of("ALICE01"))
        assert (await again.reply()).body[2] == 0, "its own terminal may register again"


async def test_jt808_a_second_connection_without_the_code_takes_nothing_from_the_first(post: Post) -> None:
    async with await Terminal(ALICE).connect(jt808(post)) as alice:
        await alice.enter()
        async with await Terminal(ALICE).connect(jt808(post)) as forger:
            for number, body in ((0x0200, position(lat=66.0)), (0x0003, b"")):
                serial = forger.send(number, body)
                assert (await forger.reply()).general == (serial, number, 1)
        serial = alice.send(0x0200, position(lat=32.0))
        assert (await alice.reply()).general == (serial, 0x0200, 0)
        (server,) = (one for one in post.hub.adapters if isinstance(one, Jt808Server))
        assert ALICE in server.terminals, "texts for the driver still reach the first"
    assert positions(post) == [(ALICE, 32.0)]


def test_owners_outlive_a_restart_and_follow_the_operator(tmp_path: Path) -> None:
    named: dict[Identity, Device] = {}
    file = tmp_path / "terminals"
    first = Owners(file, b"secret", named.get)
    assert first.claim(ALICE, "A1") and first.claim(BOB, "B1") and not first.claim(ALICE, "B1")
    file.write_bytes(file.read_bytes() + b"01390000")  # a crash in the middle of a line
    with structlog.testing.capture_logs() as logs:
        again = Owners(file, b"secret", named.get)
        assert again.claim(ALICE, "A1") and not again.claim(ALICE, "X") and not again.claim(BOB, "A1")
    assert [line["phone"] for line in logs] == [ALICE, BOB]
    named[Identity("jt808_phone", ALICE)] = Device(1, "sweeper-1", "vehicle", attributes={"jt808_terminal": "A2"})
    assert again.claim(ALICE, "A2"), "the terminal was exchanged, and the operator said so"
    assert not again.claim(ALICE, "A1")
    assert again.claim("013900000000", "C1"), "a phone that is new"
    assert not Owners(file, b"secret", named.get).claim("013900000000", "D1")
    assert b"A1" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("listener", "device"), [("pinned", "sweeper-7"), ("by address", "127.0.0.1")])
async def test_nmea_a_line_names_nobody_where_the_listener_does(post: Post, listener: str, device: str) -> None:
    _, writer = await asyncio.open_connection(*nmea(post, listener))
    writer.write(b"$ID,sweeper-8\r\nimei:864180036543216\r\n" + drive(3))
    writer.close()
    await until(lambda: positions(post), "its positions are filed")
    assert {name for name, _ in positions(post)} == {device}


def test_a_message_of_json_cannot_name_another_device_than_its_topic() -> None:
    own = Identity("id", "bin-alice")
    payload = b'{"device": "bin-bob", "id": "bin-bob", "readings": {"fill_pct": 66}}'
    decoded = messages.decode(payload, own, Catalogue())
    assert [uplink.identity for uplink in decoded.uplinks] == [own]
