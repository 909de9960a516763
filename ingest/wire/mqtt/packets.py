"""Control packets: those that a subscriber sends as bytes, those that a server answers with as records.

Clauses are of OASIS MQTT 5; where 3.1.1 differs it is said.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Literal

import msgspec

from ingest.wire.mqtt.fields import Fields, written_binary, written_text, written_variable
from ingest.wire.mqtt.properties import (
    CONNACK,
    DISCONNECT,
    NONE,
    SUBACK,
    Properties,
    read_properties,
    written_properties,
)
from ingest.wire.mqtt.reasons import FAILURE, PROTOCOL_ERROR, ProtocolError, reason_text, return_text

Version = Literal["3.1.1", "5"]
PING = b"\xc0\x00"  #: PINGREQ (clause 3.12)


class Hello(msgspec.Struct, frozen=True):
    """What a client introduces itself with (clause 3.1).

    The session is a lasting one, unless ``clean`` asks for a clean session (MQTT 5: a clean start).
    ``session_expiry_s`` and ``in_flight`` (receive maximum) are told in MQTT 5 only. No topic alias maximum is told,
    so that the server may use none (clause 3.1.2.11.5), and no maximum packet size: a server would drop what is larger
    without a word (clause 3.1.2.11.4).
    """

    version: Version = "3.1.1"
    client_id: str = "sanihub"
    username: str | None = None
    password: str | None = None
    keepalive_s: int = 30
    session_expiry_s: int = 0
    in_flight: int = 65_535
    clean: bool = False

    def packet(self) -> bytes:
        """CONNECT. Raises ValueError that names the field which MQTT cannot carry."""
        five = self.version == "5"
        flags = 0x80 * (self.username is not None) | 0x40 * (self.password is not None) | 0x02 * self.clean
        body = b"\x00\x04MQTT" + struct.pack(">BBH", 5 if five else 4, flags, self.keepalive_s)
        if five:
            receive = min(self.in_flight, 0xFFFF)
            body += written_properties({"session_expiry_interval": self.session_expiry_s, "receive_maximum": receive})
        body += written_text(self.client_id, "client_id")
        if self.username is not None:
            body += written_text(self.username, "username")
        if self.password is not None:
            body += written_binary(self.password.encode(), "password")
        return b"\x10" + written_variable(len(body)) + body


class Connack(msgspec.Struct, frozen=True):
    """The server's answer to CONNECT (clause 3.2). ``refused`` is why it says no, None when it does not."""

    session_present: bool
    refused: str | None = None
    properties: Properties = NONE


class Suback(msgspec.Struct, frozen=True):
    """The answer to SUBSCRIBE: for each filter the QoS that is granted, or from 0x80 on why not (clause 3.9)."""

    packet_id: int
    codes: tuple[int, ...]
    properties: Properties = NONE

    @property
    def refused(self) -> list[str]:
        """Why filters were refused."""
        return [_with_words(code, self.properties) for code in self.codes if code >= FAILURE]


class Pong(msgspec.Struct, frozen=True):
    """PINGRESP (clause 3.13)."""


class Goodbye(msgspec.Struct, frozen=True):
    """A DISCONNECT of the server, in words (clause 3.14; MQTT 5 only)."""

    reason: str


Packet = Connack | Suback | Pong | Goodbye


def subscribe(packet_id: int, filters: Sequence[str], version: Version) -> bytes:
    """SUBSCRIBE to filters at QoS 1 (clause 3.8). Raises ValueError for a filter that is too long."""
    body = struct.pack(">H", packet_id) + (b"\x00" if version == "5" else b"")
    body += b"".join(written_text(one, "topic filter") + b"\x01" for one in filters)
    return b"\x82" + written_variable(len(body)) + body


def pubacks(packet_ids: Sequence[int]) -> bytes:
    """A PUBACK for each of these, in this order. Without a reason code it stands for success (clause 3.4.2.1)."""
    return struct.pack(f">{len(packet_ids)}I", *[0x4002_0000 | packet_id for packet_id in packet_ids])


def goodbye(version: Version, reason: int = 0) -> bytes:
    """DISCONNECT (clause 3.14); the reason is told in MQTT 5 only."""
    return b"\xe0\x00" if version == "3.1.1" or not reason else b"\xe0\x01" + bytes((reason,))


def read_packet(head: int, body: bytes, version: Version) -> Packet:
    """A packet from a server that is no PUBLISH. Raises ProtocolError for one that a subscriber may not get."""
    fields, five = Fields(body), version == "5"
    packet: Packet
    if head == 0x20:
        packet = _connack(fields, five)
    elif head == 0x90:
        packet = _suback(fields, five)
    elif head == 0xD0:
        packet = Pong()
    elif head == 0xE0 and five:
        packet = _goodbye(fields)
    else:
        raise ProtocolError(
            f"packet: first byte {head:02x}, expected CONNACK, SUBACK, PUBLISH of QoS 0 or 1, or PINGRESP",
            PROTOCOL_ERROR,
        )
    if fields.at != fields.end:
        raise ProtocolError(f"packet {head:02x}: {fields.end - fields.at} bytes too many")
    return packet


def _connack(fields: Fields, five: bool) -> Connack:
    flags, code = fields.number(1, "connack flags"), fields.number(1, "connack code")
    if flags > 1:
        raise ProtocolError(f"connack flags: {flags:02x}, expected 00 or 01")
    properties = read_properties(fields, CONNACK) if five else NONE
    refused = None
    if code:
        refused = _with_words(code, properties) if five else return_text(code)
    return Connack(bool(flags), refused, properties)


def _suback(fields: Fields, five: bool) -> Suback:
    packet_id = fields.number(2, "suback packet identifier")
    properties = read_properties(fields, SUBACK) if five else NONE
    codes = tuple(fields.rest())
    if not codes or any(2 < code < FAILURE for code in codes):
        raise ProtocolError(f"suback codes: {codes[:20]}, expected a code from 0 to 2 or from 0x80 for each filter")
    return Suback(packet_id, codes, properties)


def _goodbye(fields: Fields) -> Goodbye:
    code = fields.number(1, "disconnect reason") if fields.at < fields.end else 0  # absent means normal
    properties = read_properties(fields, DISCONNECT) if fields.at < fields.end else NONE
    return Goodbye(_with_words(code, properties))


def _with_words(code: int, properties: Properties) -> str:
    """A reason code, with the server's own words for it and where it sends us instead."""
    said = reason_text(code)
    if words := properties.get("reason_string"):
        said += f": {words[:200]}"
    if other := properties.get("server_reference"):
        said += f" ({other[:200]})"
    return said
