"""What a server of MQTT sends, written down byte by byte: for tests of the subscriber's side."""

from __future__ import annotations

import struct


def varint(value: int) -> bytes:
    digits = b""
    while value >= 128:
        digits += bytes((value % 128 | 0x80,))
        value //= 128
    return digits + bytes((value,))


def packet(head: int, body: bytes) -> bytes:
    return bytes((head,)) + varint(len(body)) + body


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def publish(
    topic: str | bytes,
    payload: bytes,
    packet_id: int = 0,
    *,
    flags: int = 0,
    qos: int | None = None,
    properties: bytes | None = None,
) -> bytes:
    """With ``properties`` (without their length) it is of MQTT 5."""
    qos = (1 if packet_id else 0) if qos is None else qos
    name = topic.encode() if isinstance(topic, str) else topic
    body = struct.pack(">H", len(name)) + name + (struct.pack(">H", packet_id) if qos else b"")
    body += b"" if properties is None else varint(len(properties)) + properties
    return packet(0x30 | flags | qos << 1, body + payload)


def connack(code: int = 0, present: int = 0, properties: bytes | None = None) -> bytes:
    body = bytes((present, code))
    return packet(0x20, body if properties is None else body + varint(len(properties)) + properties)


def suback(*codes: int, packet_id: int = 1, properties: bytes | None = None) -> bytes:
    middle = b"" if properties is None else varint(len(properties)) + properties
    return packet(0x90, struct.pack(">H", packet_id) + middle + bytes(codes))


def disconnect(code: int, properties: bytes = b"") -> bytes:
    return packet(0xE0, bytes((code,)) + varint(len(properties)) + properties)


PINGRESP = b"\xd0\x00"
