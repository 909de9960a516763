"""What the line transports (TCP, UDP, serial, file) share: the stream they feed, their bounds, handing over frames."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Protocol

import msgspec

from devices.rates import Rate
from devices.vocabulary import Frame, Outcome
from ingest.ports import Intake
from ingest.stamps import Stamps


class Stream(Protocol):
    """One peer's bytes, as an adapter reads them."""

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        ...

    def idle(self) -> None:
        """Nothing came for a while: what waits for more is complete."""
        ...

    def close(self) -> None:
        """Nothing will come any more."""
        ...


class OpenStream(Protocol):
    """Makes the stream of a peer, given its address without the port, and the name in its certificate, if it has one.

    The name is for the listener's authorities to answer for: it is the common name (RFC 5280, section 4.1.2.6).
    """

    def __call__(self, address: str, name: str | None = None) -> Stream:
        """The stream."""
        ...


class LineBounds(msgspec.Struct, frozen=True):
    """Bounds of one line transport. ``flush_after_s`` of silence complete an epoch; ``idle_timeout_s`` end a peer."""

    flush_after_s: float = 2.0
    idle_timeout_s: float = 300.0
    max_peers: int = 1_000
    max_per_address: int = 100
    rate: Rate = Rate()  #: bytes of one connection


class Watched:
    """A stream with the time at which it was last heard. While the hub itself does not read, silence means nothing."""

    __slots__ = ("_flushed", "_held", "fed", "heard_at", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.heard_at = monotonic()
        self.fed = False  #: whether anything came at all
        self._flushed = True
        self._held = False

    def hold(self) -> None:
        """The hub does not read for now."""
        self._held = True

    def release(self) -> None:
        """The hub reads on: the silence begins anew."""
        if self._held:
            self._held = False
            self.heard_at = monotonic()

    def feed(self, data: bytes) -> None:
        """Take bytes now."""
        self.heard_at = monotonic()
        self.fed, self._flushed = True, False
        self.stream.feed(data)

    def look(self, bounds: LineBounds) -> bool:
        """Flush a silent stream; False when it has been silent for too long."""
        if self._held:
            return True
        silent_s = monotonic() - self.heard_at
        if not self._flushed and silent_s >= bounds.flush_after_s:
            self._flushed = True
            self.stream.idle()
        return silent_s < bounds.idle_timeout_s


class HandOver:
    """Hands frames of peers that cannot send again to the intake, or to ``fallback`` while the intake cannot store."""

    def __init__(self, adapter: str, source: str, intake: Intake, fallback: Callable[[Frame], None]) -> None:
        self.intake = intake
        self._adapter = adapter
        self._source = source
        self._fallback = fallback
        self._stamps = Stamps()

    def __call__(self, channel: str, payload: bytes) -> None:
        """Hand over one frame, received now. No two share a time of reception, which numbers the delivery."""
        stamp = self._stamps.next()
        frame = Frame(self._adapter, self._source, channel, payload, stamp, token=stamp % 2**31)
        if self.intake.healthy and self.intake.has_room:
            self.intake.offer(frame, _Unrepeatable(frame, self._fallback))
        else:
            self._fallback(frame)


class _Unrepeatable:
    """The delivery of a frame that its peer will not send again."""

    __slots__ = ("_fallback", "_frame")

    def __init__(self, frame: Frame, fallback: Callable[[Frame], None]) -> None:
        self._frame = frame
        self._fallback = fallback

    def settle(self, outcome: Outcome) -> None:
        if outcome is not Outcome.COMMITTED:
            self._fallback(self._frame)
