"""The stream of a server cut into packets (OASIS MQTT 5 and 3.1.1, clause 2.1), all that are whole in one loop.

PUBLISH is nearly everything that a subscriber gets, and is read in place; all else goes to :mod:`packets`.
"""

from __future__ import annotations

from ingest.wire.mqtt.fields import Fields, variable
from ingest.wire.mqtt.packets import Packet, Version, read_packet
from ingest.wire.mqtt.properties import PUBLISH, read_properties
from ingest.wire.mqtt.reasons import (
    PROTOCOL_ERROR,
    QOS_NOT_SUPPORTED,
    TOO_LARGE,
    TOPIC_ALIAS_INVALID,
    ProtocolError,
)

Publish = tuple[str, bytes, int, int]
"""A message: topic, payload, flags (:data:`DUP`, :data:`RETAIN`), and its packet identifier, 0 at QoS 0."""

DUP, RETAIN = 0x08, 0x01  #: flags of PUBLISH (clause 3.3.1)
MAX_BODY = 17 * 1024 * 1024  #: bytes of a packet behind its fixed header that are kept
_MAX_PROPERTIES = 512 * 1024  #: bytes of one message
_KEPT_FLAGS = DUP | RETAIN
_MAX_TOPICS = 200_000
_USUAL_TOPIC = 256  #: bytes; longer ones are not remembered


class Reader:
    r"""Cuts a stream, however it is chunked. What a chunk leaves over is held, at most ``limit`` bytes and a chunk.

    A PUBLISH of more than ``limit`` bytes is handed over when all of it has come, with the payload cut at the limit:
    to refuse it would close the connection, and the server would send it again for ever. ``limit`` is 16,384 or more.
    A topic that is not UTF-8 is handed over for the same reason, with its odd bytes shown as ``\\xff``.
    """

    def __init__(self, version: Version, limit: int = MAX_BODY) -> None:
        self.full = False  #: a message is whole that the last :meth:`take` was not to have
        self._version = version
        self._five = version == "5"
        self._limit = limit
        self._data = b""
        self._at = 0
        self._fresh: list[bytes] = []
        self._fresh_size = 0
        self._need = 0  #: bytes without which the next packet cannot be whole
        self._skip = 0  #: bytes of a cut packet that are still to come
        self._cut: Publish | None = None
        self._topics: dict[bytes, str] = {}

    @property
    def pending(self) -> int:
        """Bytes that are held."""
        return len(self._data) - self._at + self._fresh_size

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        if data:
            self._fresh.append(data)
            self._fresh_size += len(data)

    def take(self, most: int) -> tuple[list[Publish], Packet | None]:
        """Up to so many messages, and the packet behind them where that is another one; nothing when none is whole.

        With ``most`` 0 other packets come all the same, up to the next message. Raises ProtocolError when a packet is
        at fault; those before it have been returned then.
        """
        run: list[Publish] = []
        self.full = False
        if self._cut is None and self._fresh_size < self._need:
            return run, None
        if self._fresh:
            self._gather()
        if self._cut is not None:
            if self._skip or most < 1:
                self.full = not self._skip
                return run, None
            run.append(self._cut)
            self._cut = None
        try:
            return run, self._cut_up(run, most)
        except ProtocolError:
            if run:
                return run, None
            raise

    def _gather(self) -> None:
        rest = self._data[self._at :]
        self._data = b"".join((rest, *self._fresh)) if rest else b"".join(self._fresh)
        self._at = self._fresh_size = 0
        self._fresh.clear()

    def _cut_up(self, run: list[Publish], most: int) -> Packet | None:  # noqa: PLR0912, PLR0915 - calls cost
        """Add messages to ``run``. The place of reading moves past what was taken, and no further."""
        data, at, end = self._data, self._at, len(self._data)
        topics, five = self._topics, self._five
        missing = over = 0
        try:
            while True:
                if end - at < 3:
                    length = variable(data, at + 1, end)
                elif (size := data[at + 1]) < 0x80:
                    length = size, at + 2
                elif 0 < (high := data[at + 2]) < 0x80:
                    length = size + (high << 7) - 0x80, at + 3
                else:
                    length = variable(data, at + 1, end)
                if length is None:
                    missing = 1
                    break
                head, (size, start) = data[at], length
                if size > self._limit:
                    over = self._beyond(head, size)
                    size = self._limit
                stop = start + size
                if stop > end:
                    missing = stop - end
                    break
                if head & 0xF4 != 0x30:
                    packet = self._other(head, data[start:stop])
                    at = stop
                    return packet
                if len(run) >= most:
                    self.full = True
                    break
                # PUBLISH at QoS 0 or 1: topic, packet identifier at QoS 1 (2 bytes, and 2 is its flag), payload.
                topic_end = start + 2 + (data[start] << 8 | data[start + 1]) if size > 1 else stop + 1
                body = topic_end + (head & 2)
                if body > stop:
                    raise ProtocolError(f"publish: {size} bytes, expected them to hold its topic")
                packet_id = 0
                if head & 2:
                    packet_id = data[topic_end] << 8 | data[topic_end + 1]
                    if not packet_id:
                        raise ProtocolError("publish: packet identifier 0, expected 1 to 65535", PROTOCOL_ERROR)
                elif head & DUP:
                    raise ProtocolError("publish: DUP at QoS 0, expected it at QoS 1 only")
                if five:
                    body = body + 1 if body < stop and not data[body] else self._properties(body, stop)
                name = data[start + 2 : topic_end]
                run.append((topics.get(name) or self._learn(name), data[body:stop], head & _KEPT_FLAGS, packet_id))
                at = stop
                if over:
                    at = self._set_aside(run, over, at, end)
                    over = 0
            return None
        finally:
            self._at = at
            self._need = missing

    def _beyond(self, head: int, size: int) -> int:
        """How much of a large packet is too much. Raises ProtocolError for one that is no message."""
        if head & 0xF4 != 0x30:
            raise ProtocolError(f"packet {head:02x}: {size} bytes, expected at most {self._limit}", TOO_LARGE)
        return size - self._limit

    def _set_aside(self, run: list[Publish], over: int, at: int, end: int) -> int:
        """Let a cut message wait until the rest of it has come, and pass over that; where reading goes on."""
        passed = min(over, end - at)
        self._skip = over - passed
        if self._skip:
            self._cut = run.pop()
        return at + passed

    def _other(self, head: int, body: bytes) -> Packet:
        if head >> 4 != PUBLISH:
            return read_packet(head, body, self._version)
        if head & 0x06 == 0x06:
            raise ProtocolError("publish: QoS 3, expected 0 or 1")  # [MQTT-3.3.1-4]
        # A server sends at most what was subscribed (clause 3.8.4).
        raise ProtocolError("publish: QoS 2, expected 0 or 1: the session has an older subscription", QOS_NOT_SUPPORTED)

    def _properties(self, at: int, end: int) -> int:
        """Where the properties of a PUBLISH end (clause 3.3.2.3); there is nothing in them for a subscriber of ours."""
        if at == end:
            raise ProtocolError("publish: nothing behind its topic, expected the length of its properties")
        fields = Fields(self._data, at, end)
        if "topic_alias" in read_properties(fields, PUBLISH):
            raise ProtocolError("publish: a topic alias, expected none, for none was allowed", TOPIC_ALIAS_INVALID)
        if fields.at - at > _MAX_PROPERTIES:
            raise ProtocolError(f"publish: {fields.at - at} bytes of properties are too many", TOO_LARGE)
        return fields.at

    def _learn(self, name: bytes) -> str:
        """The text of a topic, which is remembered."""
        if not name:
            raise ProtocolError("publish: an empty topic, expected a name", PROTOCOL_ERROR)  # [MQTT-4.7.3-1]
        topic = name.decode(errors="backslashreplace")
        if len(name) <= _USUAL_TOPIC:
            if len(self._topics) >= _MAX_TOPICS:
                self._topics.clear()
            self._topics[name] = topic
        return topic
