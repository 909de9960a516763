"""mosquitto beside the hub, with the configuration of deploy/ and the users and access list that the hub makes of keys.

EMQX is not run here; its files are compared with what they say for mosquitto.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import psycopg
import pytest

from devices.access import fingerprint
from hub.door.elsewhere import emqx_acl, mosquitto_acl
from hub.door.wiring import topics_of
from hub.settings.settings import load
from store.embedded.vacancy import choose_port
from tests.hub.cli_runner import invoke
from tests.servers import MqttServer, PostgresServer, running, temporary_folder

DEPLOY = Path(__file__).parents[2] / "deploy"


class Mosquitto(MqttServer):
    """mosquitto as deploy/ has it; the hub's listener at ``port``, that of devices at ``device_port``."""

    name = "mosquitto"

    def __init__(self, folder: Path, dsn: str) -> None:
        self.log = folder / "mosquitto.log"
        self.port = choose_port(self.host, folder / "port")
        self.device_port = choose_port(self.host, folder / "device-port")
        (folder / "data").mkdir()
        config = (DEPLOY / "mosquitto/mosquitto.conf").read_text()
        for old, new in (
            ("listener 1883", f"listener {self.port} {self.host}"),
            ("listener 1884", f"listener {self.device_port} {self.host}"),
            ("/mosquitto/users/passwords", str(folder / "passwords")),
            ("/mosquitto/config/acl", str(folder / "acl")),
            ("/mosquitto/data/", f"{folder}/data/"),
        ):
            assert old in config
            config = config.replace(old, new)
        self._config = folder / "mosquitto.conf"
        self._config.write_text(config + ("" if os.geteuid() else "user root\n"))
        self._folder, self._dsn = folder, dsn
        self.username, self.password = "sanihub", "of-the-hub"
        self.bring()

    def argv(self) -> list[str]:
        return [shutil.which("mosquitto", path="/usr/sbin:/usr/bin") or "mosquitto", "-c", str(self._config)]

    def bring(self) -> None:
        """Users and access list, as an operator brings them."""
        (self._folder / "users").write_text(f"{self.username}:{self.password}\n")
        for what, file in (("users", "keys"), ("acl", "acl")):
            made = invoke("broker", what, "mosquitto", "--output", self._folder / file, dsn=self._dsn)
            assert made.exception is None, made.exception
        script = ["sh", DEPLOY / "mosquitto/hash-users.sh", self._folder / "users", self._folder, self._folder / "keys"]
        subprocess.run(script, check=True, capture_output=True)

    def reload(self) -> None:
        self.bring()
        os.kill(self.pid, signal.SIGHUP)


class City:
    """Keys and the broker that was given them."""

    def __init__(self, broker: Mosquitto, dsn: str, keys: dict[str, str]) -> None:
        self.broker, self.dsn, self.keys = broker, dsn, keys

    @asynccontextmanager
    async def client(self, user: str, identifier: str | None = None, key: str = "") -> AsyncIterator[aiomqtt.Client]:
        port = self.broker.port if user == "sanihub" else self.broker.device_port
        password = "of-the-hub" if user == "sanihub" else key or self.keys[user]
        async with aiomqtt.Client(
            "127.0.0.1", port, username=user, password=password, identifier=identifier, timeout=20,
            protocol=aiomqtt.ProtocolVersion.V311,
        ) as client:  # fmt: skip
            yield client


def make(dsn: str, *arguments: object) -> str:
    made = invoke("keys", "create", *arguments, dsn=dsn)
    assert made.exception is None, made.exception
    return made.stdout.strip()


@pytest.fixture(scope="module")
def city(postgres_server: PostgresServer) -> Iterator[City]:
    with postgres_server.database() as dsn, temporary_folder() as folder:
        keys = {
            name: make(dsn, f"key of {name}", "--role", "device", "--device", name)
            for name in ("bin-1", "bin-2", "bin-3")
        }
        keys |= {name: make(dsn, name, "--role", role) for name, role in (("lns", "integration"), ("wall", "viewer"))}
        with running(Mosquitto(folder, dsn)) as broker:
            yield City(broker, dsn, keys)


async def told(client: aiomqtt.Client, count: int) -> list[tuple[str, bytes]]:
    found = []
    async for message in client.messages:
        found.append((str(message.topic), bytes(message.payload)))  # type: ignore[arg-type]
        if len(found) == count:
            break
    return found


async def test_mosquitto_hears_each_device_as_itself_alone(city: City) -> None:
    async with city.client("sanihub", "sanihub") as hub:
        await hub.subscribe("#", qos=1)
        for topic in ("sanihub/v1/bin-2/telemetry", "sanihub/v1/bin-2/status", "application/1", "bin-1"):
            with contextlib.suppress(aiomqtt.MqttError):  # mosquitto may hang up on it
                async with city.client("bin-1") as one:
                    await one.publish(topic, b"forged", qos=1)
        async with city.client("bin-1") as one:
            await one.publish("sanihub/v1/bin-1/telemetry", b"own", qos=1)
        with contextlib.suppress(aiomqtt.MqttError):
            async with city.client("lns") as server:
                await server.publish("sanihub/v1/bin-2/orders", b"forged", qos=1)
        async with city.client("lns") as server:
            await server.publish("application/7/device/1/event/up", b"up", qos=1)
        assert await told(hub, 2) == [
            ("sanihub/v1/bin-1/telemetry", b"own"),
            ("application/7/device/1/event/up", b"up"),
        ]


async def test_mosquitto_tells_each_device_its_own_orders_alone(city: City) -> None:
    async with city.client("bin-1") as one, city.client("bin-2") as two, city.client("wall") as wall:
        for topic in ("sanihub/v1/bin-2/orders", "sanihub/#", "#"):
            await one.subscribe(topic, qos=1)  # mosquitto says yes, and delivers nothing
        for client, topic in ((one, "sanihub/v1/bin-1/orders"), (two, "sanihub/v1/bin-2/orders"), (wall, "sanihub/#")):
            await client.subscribe(topic, qos=1)
        async with city.client("sanihub", "sanihub-orders") as hub:
            await hub.publish("sanihub/v1/bin-2/orders", b"for two", qos=1)
            await hub.publish("sanihub/v1/bin-1/orders", b"for one", qos=1)
        assert await told(two, 1) == [("sanihub/v1/bin-2/orders", b"for two")]
        assert {payload for _, payload in await told(one, 1)} == {b"for one"}
        assert len(await told(wall, 2)) == 2


async def test_mosquitto_lets_nobody_take_anothers_session(city: City) -> None:
    async with city.client("bin-2", "bin-2") as two:
        await two.subscribe("sanihub/v1/bin-2/orders", qos=1)
        async with city.client("bin-1", "bin-2"):
            pass
        async with city.client("sanihub", "sanihub-orders") as hub:
            await hub.publish("sanihub/v1/bin-2/orders", b"still there", qos=1)
        assert await told(two, 1) == [("sanihub/v1/bin-2/orders", b"still there")]


async def test_mosquitto_refuses_wrong_keys_and_revoked_ones(city: City) -> None:
    for user, key in (("bin-1", city.keys["bin-2"]), ("bin-1", "x"), ("nobody", city.keys["bin-1"])):
        with pytest.raises(aiomqtt.MqttError):
            async with city.client(user, key=key):
                pass
    async with city.client("bin-3"):
        pass
    with psycopg.connect(city.dsn, autocommit=True) as connection:
        connection.execute("UPDATE api_keys SET revoked_at = now() WHERE device_id = 'bin-3'")
    await asyncio.to_thread(city.broker.reload)
    with pytest.raises(aiomqtt.MqttError):
        for _ in range(100):
            async with city.client("bin-3"):
                pass
    async with city.client("bin-1"):
        pass


def test_emqx_gets_the_hashes_that_the_hub_keeps(city: City) -> None:
    listed = invoke("broker", "users", "emqx", dsn=city.dsn)
    rows = {row["user_id"]: row for row in csv.DictReader(io.StringIO(listed.stdout))}
    assert rows["bin-1"]["password_hash"] == fingerprint(city.keys["bin-1"]).hex()
    assert rows["bin-1"]["salt"] == ""
    assert rows["lns"]["is_superuser"] == "false"
    acl = invoke("broker", "acl", "emqx", dsn=city.dsn).stdout
    assert acl.splitlines()[-1] == "{deny, all}."
    assert '{allow, {username, "wall"}, subscribe, ["sanihub/v1/#"]}.' in acl
    for text in (listed.stdout, acl):
        assert not [key for key in city.keys.values() if key in text]


def test_who_cannot_be_a_user_is_named(city: City) -> None:
    make(city.dsn, "bin-2", "--role", "viewer")
    make(city.dsn, "a:b", "--role", "viewer")
    with psycopg.connect(city.dsn, autocommit=True) as connection:
        connection.execute("UPDATE api_keys SET mosquitto = NULL WHERE device_id = 'bin-2'")
    listed = invoke("broker", "users", "mosquitto", dsn=city.dsn)
    assert "'bin-2' is that of a device" in listed.stderr
    assert "'a:b' cannot be a user name" in listed.stderr
    assert "the key of bin-2 is older" in listed.stderr
    assert [line.partition(":")[0] for line in listed.stdout.splitlines()] == ["bin-1", "lns", "wall"]


@pytest.mark.parametrize(("file", "made"), [("mosquitto/acl", mosquitto_acl), ("emqx/acl.conf", emqx_acl)])
def test_the_files_of_deploy_are_those_of_the_default_settings(file, made) -> None:  # type: ignore[no-untyped-def]
    assert (DEPLOY / file).read_text() == made(topics_of(load(None)))
