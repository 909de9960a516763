"""Encryption of everything that the hub listens at, and certificates that are renewed while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import httpx
import psycopg
import pytest

from devices.errors import ConfigError
from hub.embedded.servers import EmbeddedServers
from ingest.transports.tls import Certificates, ServerTls, certificate, server_context
from store.embedded.vacancy import choose_port
from tests.access_keys import make_key
from tests.certificates import make_certificates, self_signed
from tests.hubs import HubProcess
from tests.nmea import drive
from tests.servers import PostgresServer, temporary_folder, wait_until
from tests.terminal import Terminal, position, register


class Secured:
    """A hub that encrypts all of it."""

    def __init__(self, hub: HubProcess, dsn: str, ports: dict[str, int], ca: Path) -> None:
        self.hub, self.dsn, self.ports, self.ca = hub, dsn, ports, ca
        self.context = ssl.create_default_context(cafile=str(ca))


@pytest.fixture(scope="module")
def secured(postgres_server: PostgresServer) -> Iterator[Secured]:
    with postgres_server.database() as dsn, temporary_folder() as folder:
        ca = make_certificates(folder)
        ports = {name: choose_port("127.0.0.1", folder / name) for name in ("mqtt", "nmea", "jt808", "strict")}
        files = f'certificate = "{folder}/server.crt", key = "{folder}/server.key"'
        settings = f"""
            [api]
            tls = {{ {files} }}
            [broker]
            port = {ports["mqtt"]}
            devices = "keys"
            tls = {{ {files} }}
            [[nmea]]
            name = "street"
            kind = "tcp-server"
            port = {ports["nmea"]}
            tls = {{ {files} }}
            [[nmea]]
            name = "strict"
            kind = "tcp-server"
            identity = "certificate"
            port = {ports["strict"]}
            tls = {{ {files}, clients_ca = "{ca}" }}
            [[jt808]]
            name = "vehicles"
            port = {ports["jt808"]}
            tls = {{ {files} }}
        """
        hub = HubProcess(folder, dsn, settings)
        hub.start()
        try:
            wait_until(lambda: "mqtt_connected" in hub.text(), "the hub is at its broker, by TLS")
            secured = Secured(hub, dsn, ports, ca)
            with httpx.Client(verify=secured.context) as client:
                wait_until(lambda: client.get(f"{hub.url}/readyz").status_code == 200, "ready, by https")
            yield secured
        finally:
            hub.stop()


def test_the_pages_are_https_and_http_gets_nothing(secured: Secured) -> None:
    assert secured.hub.url.startswith("https://")
    answer = httpx.get(f"{secured.hub.url}/healthz", verify=secured.context)
    assert answer.status_code == 200
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"{secured.hub.url.replace('https', 'http')}/healthz")
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{secured.hub.url}/healthz")


async def test_mqtt_is_encrypted_and_plain_mqtt_gets_nothing(secured: Secured) -> None:
    key, port = make_key(secured.dsn, "device", device="bin-7"), secured.ports["mqtt"]
    options = {"username": "bin-7", "password": key, "protocol": aiomqtt.ProtocolVersion.V311, "timeout": 10}
    async with aiomqtt.Client("127.0.0.1", port, tls_context=secured.context, **options) as client:
        await client.publish("sanihub/v1/bin-7/telemetry", '{"readings": {"fill_pct": 7}}', qos=1)
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client("127.0.0.1", port, **options):
            pass


async def test_vehicle_terminals_are_heard_by_tls_and_not_without(secured: Secured) -> None:
    address = "127.0.0.1", secured.ports["jt808"]
    terminal = Terminal("013900000001")
    terminal._reader, terminal._writer = await asyncio.open_connection(*address, ssl=secured.context)
    async with terminal:
        terminal.send(0x0100, register())
        reply = await terminal.reply()
        assert reply.message_id == 0x8100
        terminal.send(0x0102, reply.body[3:])
        await terminal.reply()
        serial = terminal.send(0x0200, position())
        assert (await terminal.reply()).general == (serial, 0x0200, 0)
    async with await Terminal("013900000002").connect(address) as plain:
        plain.send(0x0100, register())
        assert await plain.ended()


def speak(port: int, context: ssl.SSLContext, name: str) -> None:
    """Send what a receiver with a name sends."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as line,
    ):
        line.sendall(f"$ID,{name}\r\n".encode() + drive(3))


def heard(secured: Secured) -> set[str]:
    with psycopg.connect(secured.dsn) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM devices")}


def test_receivers_may_have_to_bring_a_certificate_and_are_who_it_says(secured: Secured, tmp_path: Path) -> None:
    speak(secured.ports["nmea"], secured.context, "bus-open")
    make_certificates(tmp_path)
    stranger = ssl.create_default_context(cafile=str(secured.ca))
    stranger.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    for context in (secured.context, stranger):
        with contextlib.suppress(OSError):
            speak(secured.ports["strict"], context, "bus-forged")
    friend = ssl.create_default_context(cafile=str(secured.ca))
    friend.load_cert_chain(secured.ca.parent / "server.crt", secured.ca.parent / "server.key")
    speak(secured.ports["strict"], friend, "bus-forged")
    wait_until(lambda: {"bus-open", "localhost"} <= heard(secured), "both are heard")
    assert "bus-forged" not in heard(secured)


def bare(tmp_path: Path) -> ServerTls:
    make_certificates(tmp_path)
    return ServerTls(tmp_path / "server.crt", tmp_path / "server.key")


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    tls = bare(tmp_path)
    server_context(tls, "api")
    lacking = ServerTls(tmp_path / "none.crt", tls.key)
    with pytest.raises(ConfigError, match=r"api: tls: .*none.crt: No such file"):
        server_context(lacking, "api")
    with pytest.raises(ConfigError, match=r"server.key holds no certificate in PEM"):
        server_context(ServerTls(tls.key, tls.key), "api")
    with pytest.raises(ConfigError, match=r"ca.key: the key is not that of the certificate"):
        server_context(ServerTls(tls.certificate, tmp_path / "ca.key"), "api")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "ec", "-in", tls.key, "-aes128", "-passout", "pass:hush", "-out", locked],
        check=True,
        capture_output=True,
    )
    with pytest.raises(ConfigError, match=r"locked.key: no key in PEM without a password"):
        server_context(ServerTls(tls.certificate, locked), "api")


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    old = self_signed(tmp_path, long_ago, long_ago + timedelta(days=90))
    with pytest.raises(ConfigError, match=r"own.crt has expired"):
        server_context(old, "jt808 vehicles")


def replace(tls: ServerTls, folder: Path) -> Path:
    """Another certificate in the place of the first; the file of its authority."""
    folder.mkdir()
    ca = make_certificates(folder)
    for new, there in ((folder / "server.crt", tls.certificate), (folder / "server.key", tls.key)):
        shutil.copy(new, there.with_suffix(".new"))
        there.with_suffix(".new").replace(there)
    return ca


async def test_renewed_files_are_used_for_new_connections(tmp_path: Path) -> None:
    tls = bare(tmp_path)
    certificates = Certificates(tls, "test")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificates.context)
    port = server.sockets[0].getsockname()[1]
    assert not certificates.renew()
    ca = replace(tls, tmp_path / "renewed")
    trusting = ssl.create_default_context(cafile=str(ca))
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    assert certificates.renew()
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    writer.close()
    tls.key.write_text("broken")
    assert not certificates.renew()
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    writer.close()
    server.close()


async def shaken_hands(port: int, trusting: ssl.SSLContext) -> None:
    """Wait until a certificate is shown that this context trusts. By asyncio: paho leaves refused sockets open."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(ssl.SSLError):
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
                writer.close()
                return
            await asyncio.sleep(0.1)


async def test_the_broker_takes_a_renewed_certificate_and_keeps_its_sessions(open_folder: Path, tmp_path: Path) -> None:
    tls = bare(tmp_path)
    port = choose_port("127.0.0.1", open_folder / "wish")
    async with EmbeddedServers(open_folder, database=False, mqtt_port=port, mqtt_tls=tls) as servers:
        certificates = Certificates(tls, "broker")
        old = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        options = {"protocol": aiomqtt.ProtocolVersion.V311, "timeout": 10}
        async with aiomqtt.Client("127.0.0.1", port, tls_context=old, **options) as there:
            await there.subscribe("a/b")
            new = ssl.create_default_context(cafile=str(replace(tls, tmp_path / "renewed")))
            assert servers.renew(certificates)
            await shaken_hands(port, new)
            async with aiomqtt.Client("127.0.0.1", port, tls_context=new, **options) as client:
                await client.publish("a/b", b"after", qos=1)
            async with asyncio.timeout(30):
                assert (await anext(aiter(there.messages))).payload == b"after"


def test_what_a_certificate_says(tmp_path: Path) -> None:
    found = certificate(bare(tmp_path).certificate)
    assert found.names == ("localhost", "127.0.0.1")
    assert found.begins < found.ends
