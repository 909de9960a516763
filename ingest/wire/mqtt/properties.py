"""Properties of MQTT 5 (OASIS MQTT 5, clause 2.2.2), by name: ``{"reason_string": "full"}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ingest.wire.mqtt.fields import Fields, written_text, written_variable
from ingest.wire.mqtt.reasons import PROTOCOL_ERROR, ProtocolError

CONNECT, CONNACK, PUBLISH, SUBACK, DISCONNECT = 1, 2, 3, 9, 14  #: types of packets (table 2-1)
Properties = Mapping[str, Any]
NONE: Properties = {}


class _Kind(msgspec.Struct, frozen=True):
    """One line of table 2-4: its name, its type, and the packets from a server that may carry it.

    ``low`` and ``high`` are the values that do not make a Protocol Error. ``many`` may stand more than once.
    """

    name: str
    type: str
    packets: tuple[int, ...]
    low: int = 0
    high: int = 0xFFFF_FFFF
    many: bool = False


_KINDS = {
    0x01: _Kind("payload_format_indicator", "byte", (PUBLISH,), high=1),
    0x02: _Kind("message_expiry_interval", "four", (PUBLISH,)),
    0x03: _Kind("content_type", "text", (PUBLISH,)),
    0x08: _Kind("response_topic", "text", (PUBLISH,)),
    0x09: _Kind("correlation_data", "binary", (PUBLISH,)),
    0x0B: _Kind("subscription_identifier", "variable", (PUBLISH,), low=1, many=True),
    0x11: _Kind("session_expiry_interval", "four", (CONNECT, CONNACK)),
    0x12: _Kind("assigned_client_identifier", "text", (CONNACK,)),
    0x13: _Kind("server_keep_alive", "two", (CONNACK,)),
    0x15: _Kind("authentication_method", "text", (CONNACK,)),
    0x16: _Kind("authentication_data", "binary", (CONNACK,)),
    0x1A: _Kind("response_information", "text", (CONNACK,)),
    0x1C: _Kind("server_reference", "text", (CONNACK, DISCONNECT)),
    0x1F: _Kind("reason_string", "text", (CONNACK, SUBACK, DISCONNECT)),
    0x21: _Kind("receive_maximum", "two", (CONNECT, CONNACK), low=1),
    0x22: _Kind("topic_alias_maximum", "two", (CONNECT, CONNACK)),
    0x23: _Kind("topic_alias", "two", (PUBLISH,), low=1),
    0x24: _Kind("maximum_qos", "byte", (CONNACK,), high=1),
    0x25: _Kind("retain_available", "byte", (CONNACK,), high=1),
    0x26: _Kind("user_property", "pair", (CONNACK, PUBLISH, SUBACK, DISCONNECT), many=True),
    0x27: _Kind("maximum_packet_size", "four", (CONNECT, CONNACK), low=1),
    0x28: _Kind("wildcard_subscription_available", "byte", (CONNACK,), high=1),
    0x29: _Kind("subscription_identifiers_available", "byte", (CONNACK,), high=1),
    0x2A: _Kind("shared_subscription_available", "byte", (CONNACK,), high=1),
}
_BY_NAME = {kind.name: (number, kind) for number, kind in _KINDS.items()}
_SIZES = {"byte": 1, "two": 2, "four": 4}


def read_properties(fields: Fields, packet: int) -> Properties:
    """The properties that stand at this place of a packet from a server, behind their length.

    What may come more than once is a list, a user property a pair. Raises ProtocolError for one that the packet may
    not carry, that stands twice (clause 2.2.2.2), or whose value is none of its kind.
    """
    length = fields.variable("properties")
    inner = Fields(fields.take(length, "properties"))
    found: dict[str, Any] = {}
    while inner.at < inner.end:
        number = inner.variable("property")
        kind = _KINDS.get(number)
        if kind is None or packet not in kind.packets:
            raise ProtocolError(f"property 0x{number:02x}: expected none such in a packet of type {packet}")
        value = _value(inner, kind)
        if kind.many:
            found.setdefault(kind.name, []).append(value)
        elif kind.name in found:
            raise ProtocolError(f"property {kind.name}: stands twice, expected once", PROTOCOL_ERROR)
        else:
            found[kind.name] = value
    return found


def _value(fields: Fields, kind: _Kind) -> Any:
    if kind.type == "text":
        return fields.text(kind.name)
    if kind.type == "binary":
        return fields.binary(kind.name)
    if kind.type == "pair":
        return fields.text(kind.name), fields.text(kind.name)
    if kind.type == "variable":
        number = fields.variable(kind.name)
    else:
        number = fields.number(_SIZES[kind.type], kind.name)
    if not kind.low <= number <= kind.high:
        raise ProtocolError(f"property {kind.name}: {number}, expected {kind.low} to {kind.high}", PROTOCOL_ERROR)
    return number


def written_properties(values: Properties) -> bytes:
    """Properties of numbers and texts behind their length, as a client sends them."""
    content = bytearray()
    for name, value in values.items():
        number, kind = _BY_NAME[name]
        content.append(number)
        content += written_text(value, name) if kind.type == "text" else value.to_bytes(_SIZES[kind.type], "big")
    return written_variable(len(content)) + bytes(content)
