"""A subscriber's side of one connection as a state machine: bytes in, messages and events out.

It greets, subscribes, and then gets messages until somebody says goodbye (OASIS MQTT 5, chapters 3 and 4). What a
server may not send at the time ends it with ProtocolError.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.wire.mqtt.packets import PING, Connack, Hello, Packet, Suback, goodbye, pubacks, subscribe
from ingest.wire.mqtt.reader import MAX_BODY, Publish, Reader
from ingest.wire.mqtt.reasons import PROTOCOL_ERROR, ProtocolError

_SUBSCRIPTION = 1  #: packet identifier of the one SUBSCRIBE


class Client:
    """One connection. Bytes to send are returned, never kept; ``keepalive_s`` is known after the greeting."""

    def __init__(self, hello: Hello, limit: int = MAX_BODY) -> None:
        self.hello = hello
        self.keepalive_s = hello.keepalive_s
        self._reader = Reader(hello.version, limit)
        self._greeted = False
        self._asked = 0  #: filters whose subscription is not answered yet

    @property
    def pending(self) -> int:
        """Bytes that are held."""
        return self._reader.pending

    @property
    def full(self) -> bool:
        """Whether a message is whole that the last :meth:`take` was not to have."""
        return self._reader.full

    def greeting(self) -> bytes:
        """CONNECT. Raises ValueError that names the field which MQTT cannot carry."""
        return self.hello.packet()

    def subscription(self, filters: Sequence[str]) -> bytes:
        """SUBSCRIBE to these at QoS 1. Raises ValueError for a filter that MQTT cannot carry."""
        self._asked = len(filters)
        return subscribe(_SUBSCRIPTION, filters, self.hello.version)

    def answers(self, packet_ids: Sequence[int]) -> bytes:
        """PUBACK for these, which must be in the order in which they came [MQTT-4.6.0-2]."""
        return pubacks(packet_ids)

    def ping(self) -> bytes:
        """PINGREQ."""
        return PING

    def goodbye(self, reason: int = 0) -> bytes:
        """DISCONNECT; the server keeps the session."""
        return goodbye(self.hello.version, reason)

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        self._reader.feed(data)

    def take(self, most: int) -> tuple[list[Publish], Packet | None]:
        """Up to so many messages, and the event behind them if there is one; nothing when nothing is whole.

        Raises ProtocolError: the connection is to be closed, with :meth:`goodbye` for its reason.
        """
        run, packet = self._reader.take(most)
        if not self._greeted and (run or packet is not None):
            if run or not isinstance(packet, Connack):  # [MQTT-3.2.0-1]
                raise ProtocolError("first packet: expected CONNACK", PROTOCOL_ERROR)
            self._welcome(packet)
        elif packet is not None:
            self._check(packet)
        return run, packet

    def _welcome(self, connack: Connack) -> None:
        self._greeted = True
        # A server's own keep alive counts instead of ours [MQTT-3.2.2-21].
        self.keepalive_s = connack.properties.get("server_keep_alive", self.keepalive_s)

    def _check(self, packet: Packet) -> None:
        """Raises ProtocolError for a packet that is out of place."""
        if isinstance(packet, Connack):  # [MQTT-3.2.0-2]
            raise ProtocolError("connack: a second one, expected one", PROTOCOL_ERROR)
        if not isinstance(packet, Suback):
            return
        if packet.packet_id != _SUBSCRIPTION or len(packet.codes) != self._asked:  # [MQTT-3.8.4-2, MQTT-3.8.4-6]
            raise ProtocolError(
                f"suback: identifier {packet.packet_id} with {len(packet.codes)} codes, "
                f"expected {_SUBSCRIPTION} with {self._asked}",
                PROTOCOL_ERROR,
            )
        self._asked = 0
