"""Reason codes of MQTT, and the one error of this protocol (OASIS MQTT 5, clause 2.4; 3.1.1, table 3.1)."""

from __future__ import annotations

from devices.errors import DecodeError

MALFORMED = 0x81
PROTOCOL_ERROR = 0x82
TOPIC_ALIAS_INVALID = 0x94
TOO_LARGE = 0x95
QOS_NOT_SUPPORTED = 0x9B
FAILURE = 0x80  #: codes from here on are refusals

_REASONS = {
    0x00: "success",
    0x04: "disconnected with the will message",
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password, not authorized",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8C: "bad authentication method",
    0x8D: "keep alive timeout",
    0x8E: "session taken over: another client uses this client_id",
    0x8F: "topic filter invalid",
    0x90: "topic name invalid",
    0x91: "packet identifier in use",
    0x92: "packet identifier not found",
    0x93: "receive maximum exceeded",
    0x94: "topic alias invalid",
    0x95: "packet too large",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x99: "payload format invalid",
    0x9A: "retain not supported",
    0x9B: "QoS not supported",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9E: "shared subscriptions not supported",
    0x9F: "connection rate exceeded",
    0xA0: "maximum connect time",
    0xA1: "subscription identifiers not supported",
    0xA2: "wildcard subscriptions not supported",
}
_RETURN_CODES = {
    1: "unacceptable protocol version",
    2: "client identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}


class ProtocolError(DecodeError):
    """The peer does not speak MQTT; the connection must be closed (clause 4.13).

    ``reason`` is the code that a client of MQTT 5 tells the server in its DISCONNECT.
    """

    def __init__(self, message: str, reason: int = MALFORMED) -> None:
        super().__init__(message)
        self.reason = reason


def reason_text(code: int) -> str:
    """A reason code of MQTT 5 in words."""
    return _REASONS.get(code) or f"reason 0x{code:02x}"


def return_text(code: int) -> str:
    """A return code of CONNACK of MQTT 3.1.1 in words (clause 3.2.2.3)."""
    return _RETURN_CODES.get(code) or f"return code {code}"
