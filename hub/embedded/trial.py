"""The trial of a broker: whether it still keeps what it acknowledges, or only answers.

A broker whose disk was full may go on accepting connections and never store a message again: nats-server leaves a
stream alone after the first write that failed, also when there is room, until it is started anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from ingest.wire.mqtt.packets import Hello, goodbye, subscribe

TOPIC = "sanihub-trial"  #: nobody's: of the protocols none begins with it
_ACCEPT_TIMEOUT_S = 5.0
_TRIAL_TIMEOUT_S = 15.0  #: nats-server itself waits 5 s for its stream
_PUBLISH, _PUBACK, _SUBACK, _CONNACK = 0x32, 0x40, 0x90, 0x20
_NUMBER = 1
_FAULTS = (OSError, TimeoutError, asyncio.IncompleteReadError)


def hello(username: str | None, password: str | None) -> bytes:
    """A CONNECT of MQTT 3.1.1 with an empty client id and a clean session: one that leaves nothing behind."""
    return Hello(client_id="", username=username, password=password, keepalive_s=10, clean=True).packet()


async def accepts(address: tuple[str, int], tls: ssl.SSLContext | None, connect: bytes) -> bool:
    """Whether a broker lets in who says ``connect``; False also where none answers within 5 s."""
    try:
        async with asyncio.timeout(_ACCEPT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(*address, ssl=tls)
            try:
                writer.write(connect)
                answer = await reader.readexactly(4)
                writer.write(goodbye("3.1.1"))
                return answer[0] == _CONNACK and answer[3] == 0
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except _FAULTS:
        return False


async def keeps(address: tuple[str, int], tls: ssl.SSLContext | None, connect: bytes) -> bool:
    """Whether a message at QoS 1 that somebody awaits is acknowledged within 15 s (MQTT 3.1.1, clauses 3.8 and 3.3).

    What nobody awaits the broker would not have to keep, hence the subscription, which ends with the connection.
    """
    try:
        async with asyncio.timeout(_TRIAL_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(*address, ssl=tls)
            try:
                return await _tried(reader, writer, connect)
            finally:
                writer.close()
    except _FAULTS:
        return False


async def _tried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connect: bytes) -> bool:
    writer.write(connect)
    if (await _answer(reader, _CONNACK))[1] != 0:
        return False
    writer.write(subscribe(_NUMBER, [TOPIC], "3.1.1"))
    if (await _answer(reader, _SUBACK))[2] != 1:
        return False
    body = len(TOPIC).to_bytes(2, "big") + TOPIC.encode() + _NUMBER.to_bytes(2, "big") + b"trial"
    writer.write(bytes((_PUBLISH, len(body))) + body)
    await _answer(reader, _PUBACK)
    writer.write(goodbye("3.1.1"))
    with contextlib.suppress(OSError):
        await writer.drain()
    return True


async def _answer(reader: asyncio.StreamReader, kind: int) -> bytes:
    """The body of the next packet of a kind; others, such as the message itself, are passed over."""
    while True:
        head, length = await reader.readexactly(2)  # all that comes here is shorter than 128 bytes
        body = await reader.readexactly(length)
        if head & 0xF0 == kind:
            return body
