"""Messages that come in parts (JT/T 808-2013, clause 4.4.3: sub-packages), put together again."""

from __future__ import annotations

from collections import Counter

import msgspec

from ingest.wire.jt808.header import Header, Message, parse

Key = tuple[str, int, int, int]  #: phone, message id, serial of the first part, number of parts


class PartLimits(msgspec.Struct, frozen=True):
    """Bounds of what is held for incomplete messages of one connection. ``age`` in microseconds."""

    messages: int = 8
    parts: int = 512
    bytes: int = 256 * 1024
    age: int = 120_000_000


class PartBudget:
    """Bytes that all connections of a listener may hold together: many small holders are as much as a great one."""

    def __init__(self, limit: int = 64 * 1024 * 1024) -> None:
        self.limit = limit
        self.used = 0


class Whole(msgspec.Struct, frozen=True):
    """A complete message, with its frames in the order of their parts."""

    message: Message
    frames: tuple[bytes, ...]


class _Open(msgspec.Struct):
    begun_at: int
    frames: dict[int, bytes]
    size: int = 0


class Reassembler:
    """Collects parts in any order. Parts of one message have consecutive serials, by which messages are told apart.

    What is older than the limit, or too much, is given up, oldest first; ``dropped`` counts messages by reason
    (``expired``, ``crowded``, ``oversized``). Where the common budget is spent, a connection gives up its own.
    """

    def __init__(self, limits: PartLimits | None = None, budget: PartBudget | None = None) -> None:
        self.dropped: Counter[str] = Counter()
        self._limits = limits or PartLimits()
        self._budget = budget or PartBudget()
        self._open: dict[Key, _Open] = {}
        self._bytes = 0

    @property
    def waiting(self) -> int:
        """Messages that are not complete."""
        return len(self._open)

    def add(self, message: Message, frame: bytes, received_at: int) -> Whole | None:
        """Take one part (or a message of one part); the whole message when nothing lacks any more."""
        header = message.header
        if header.parts == 1:
            return Whole(message, (frame,))
        self._expire(received_at)
        if header.parts > self._limits.parts:
            self.dropped["oversized"] += 1
            return None
        key = _key(header)
        held = self._open.setdefault(key, _Open(received_at, {}))
        if header.part not in held.frames:
            held.frames[header.part] = frame
            held.size += len(frame)
            self._bytes += len(frame)
            self._budget.used += len(frame)
        if len(held.frames) == header.parts:
            self._forget(key)
            return _joined(tuple(held.frames[number] for number in range(1, header.parts + 1)))
        self._shrink()
        return None

    def close(self) -> None:
        """Give up everything: the connection has ended."""
        for key in list(self._open):
            self._forget(key)

    def missing(self, header: Header) -> list[int]:
        """The parts that lack of a message of which this header is one."""
        held = self._open.get(_key(header))
        return [] if held is None else [part for part in range(1, header.parts + 1) if part not in held.frames]

    def _expire(self, now: int) -> None:
        for key in [key for key, held in self._open.items() if now - held.begun_at > self._limits.age]:
            self._forget(key)
            self.dropped["expired"] += 1

    def _shrink(self) -> None:
        limits = self._limits
        while len(self._open) > limits.messages or self._bytes > limits.bytes or self._overspent:
            self._forget(next(iter(self._open)))
            self.dropped["crowded"] += 1

    @property
    def _overspent(self) -> bool:
        return bool(self._open) and self._budget.used > self._budget.limit

    def _forget(self, key: Key) -> None:
        size = self._open.pop(key).size
        self._bytes -= size
        self._budget.used -= size


def _key(header: Header) -> Key:
    return header.phone, header.message_id, (header.serial - header.part + 1) & 0xFFFF, header.parts


def _joined(frames: tuple[bytes, ...]) -> Whole:
    messages = [parse(frame) for frame in frames]
    return Whole(Message(messages[0].header, b"".join(message.body for message in messages)), frames)
