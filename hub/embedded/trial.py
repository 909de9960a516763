"""The trial of a broker: whether it still keeps what it acknowledges, or only answers.

A broker whose disk was full may go on accepting connections and never store a message again: nats-server leaves a
stream alone after the first write that failed, also when there is room, until it is started anew.
"""

from __future__ import annotations

import asyncio
import contextlib

TOPIC = "sanihub-trial"  #: nobody's: of the protocols none begins with it
_SUBSCRIBE, _PUBLISH, _PUBACK, _SUBACK, _CONNACK = 0x82, 0x32, 0x40, 0x90, 0x20
_NUMBER = (1).to_bytes(2, "big")


async def keeps(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connect: bytes) -> bool:
    """Whether a message at QoS 1 that somebody awaits is acknowledged; ``connect`` is the CONNECT of a clean session.

    MQTT 3.1.1, clauses 3.8 and 3.3. What nobody awaits the broker would not have to keep, hence the subscription, which
    ends with the connection. Raises OSError and IncompleteReadError; to be bounded in time by the caller.
    """
    topic = len(TOPIC).to_bytes(2, "big") + TOPIC.encode()
    writer.write(connect)
    if (await _answer(reader, _CONNACK))[1] != 0:
        return False
    writer.write(_packet(_SUBSCRIBE, _NUMBER + topic + b"\x01"))
    if (await _answer(reader, _SUBACK))[2] != 1:
        return False
    writer.write(_packet(_PUBLISH, topic + _NUMBER + b"trial"))
    await _answer(reader, _PUBACK)
    writer.write(b"\xe0\x00")  # DISCONNECT
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


def _packet(head: int, body: bytes) -> bytes:
    return bytes((head, len(body))) + body
