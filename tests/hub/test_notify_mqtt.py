"""Notices over MQTT with real brokers: acknowledged before they count as delivered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiomqtt
import pytest

from devices.errors import ConfigError
from hub.notify.channel import Channel, UndeliveredError
from ingest.transports.mqtt.broker import Broker, Tls
from tests.notifying import connect, message, notice


def channel_at(server: Any, **broker: Any) -> Channel:
    host, port = server.address
    return connect("mqtt", broker="city", brokers={"city": Broker("city", host, port, **broker)}, timeout_s=5)


async def told(server: Any, channel: Channel, **content: Any) -> aiomqtt.Message:
    """What a subscriber receives of one notice."""
    async with aiomqtt.Client(*server.address) as client:
        await client.subscribe("sanihub/v1/alerts/#", qos=1)
        async with asyncio.timeout(30):
            assert (await channel.send(message(notice(**content)))).startswith("acknowledged by mqtt 127.0.0.1:")
            async for received in client.messages:
                return received
    raise AssertionError


async def test_mosquitto(mosquitto: Any) -> None:
    server = mosquitto()
    channel = channel_at(server)
    received = await told(server, channel, severity="critical")
    assert (str(received.topic), received.qos, received.retain) == ("sanihub/v1/alerts/critical/bin-0042", 1, False)
    assert json.loads(received.payload)["notifications"][0]["alert"]["rule"] == "bin_full"  # type: ignore[arg-type]
    received = await told(server, channel, device="a/+#b")
    assert str(received.topic) == "sanihub/v1/alerts/warning/a___b"
    await channel.close()


async def test_nats(nats_broker: Any) -> None:
    channel = channel_at(nats_broker)
    assert str((await told(nats_broker, channel)).topic) == "sanihub/v1/alerts/warning/bin-0042"
    await channel.close()


async def test_name_password_and_tls(mosquitto: Any) -> None:
    server = mosquitto(tls=True, username="hub", password="secret")
    sound = channel_at(server, username="hub", password="secret", tls=Tls(ca=server.ca_file))
    await sound.send(message())
    await sound.close()
    wrong = channel_at(server, username="hub", password="wrong", tls=Tls(ca=server.ca_file))
    with pytest.raises(UndeliveredError, match=r"mqtt 127.0.0.1"):
        await wrong.send(message())


async def test_a_broker_that_goes_and_comes(mosquitto: Any) -> None:
    server = mosquitto()
    channel = channel_at(server)
    await channel.send(message())
    server.kill()
    with pytest.raises(UndeliveredError):
        await channel.send(message())
    with pytest.raises(UndeliveredError):
        await channel.send(message())
    server.start()
    assert (await channel.send(message())).startswith("acknowledged")
    await channel.close()


async def test_several_at_once(mosquitto: Any) -> None:
    channel = channel_at(mosquitto())
    await asyncio.gather(*(channel.send(message(notice(number))) for number in range(20)))
    await channel.close()


async def test_without_an_acknowledgement_it_is_not_delivered() -> None:
    """A server that takes the connection and then says nothing more."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_024)
        writer.write(b"\x20\x02\x00\x00")  # CONNACK
        while await reader.read(1_024):
            pass
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    channel = connect("mqtt", broker="city", brokers={"city": Broker("city", port=port)}, timeout_s=0.3)
    with pytest.raises(UndeliveredError):
        await channel.send(message())
    server.close()


def test_a_broker_that_is_not_there() -> None:
    brokers = {"city": Broker("city")}
    with pytest.raises(ConfigError, match=r"notify.channels test: broker: no connection named 'town' \(there: city\)"):
        connect("mqtt", broker="town", brokers=brokers)
