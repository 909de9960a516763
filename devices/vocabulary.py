"""The records that travel through the hub.

Two layers, kept apart on purpose:

* what a device *claims*: :class:`Frame` (bytes as they came) and :class:`Uplink` (one message, decoded) with its
  :class:`Position` and :class:`Occurrence` items. Nothing in them is trusted yet: neither the identity nor the time.
* what the hub *files*: :class:`Reading`, :class:`Fix` and :class:`Event`, which name a registered device and an instant
  that the hub has judged.

Records hold plain data, which makes no cycles: the garbage collector need not look through those of every message.

All instants are integers, microseconds since 1970-01-01T00:00:00Z. Positions are WGS-84 degrees, always.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from typing import Any, NamedTuple, Protocol

import msgspec


class Quality(IntFlag):
    """Marks on a filed record. Zero is good; marks can be combined and are never a reason to hide a record."""

    GOOD = 0
    CLOCK_ABSENT = 1  #: the message carried no time; it is filed at the time of reception
    CLOCK_WRONG = 2  #: the claimed time was implausible (future, 1970, week rollover); filed at reception, claim kept
    UNCERTAIN = 4  #: the source itself doubts the value


class Outcome(IntEnum):
    """What became of a frame; told to its :class:`Delivery` once and after the fact."""

    COMMITTED = 0  #: stored, or found stored already, or kept in dead letters: the peer may forget it
    ABANDONED = 1  #: not stored; a peer that can resend will do so


class Delivery(Protocol):
    """The way back to the transport that carried a frame."""

    def settle(self, outcome: Outcome) -> None:
        """Tell the transport what became of the frame. Called at most once, on the event loop, never raising."""


class Consignment(Protocol):
    """The way back to the transport for frames that it handed over together."""

    def settle_next(self, outcome: Outcome, count: int) -> None:
        """Tell what became of the next ``count`` of them, in the order in which they were handed over.

        Called on the event loop until all are told of, never raising.
        """


class Identity(msgspec.Struct, frozen=True, cache_hash=True):
    """A name that a device goes by in one scheme: ``id`` (our own), ``dev_eui``, ``imei``, ``jt808_phone`` ..."""

    scheme: str
    value: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


class Frame(msgspec.Struct, gc=False):
    """Bytes as they came from a peer.

    ``adapter`` names the decoder (``mqtt-json``), ``source`` the connection in the settings, ``channel`` the topic,
    path or peer address. ``redelivered`` is the transport's own statement that it may have handed this frame over
    before (MQTT's DUP flag); ``retained`` that it is a broker's kept copy and not a fresh message. ``token`` is the
    transport's own number of the delivery (MQTT's packet identifier), the same when the frame comes again.
    """

    adapter: str
    source: str
    channel: str
    payload: bytes
    received_at: int
    redelivered: bool = False
    retained: bool = False
    token: int = 0


class Position(msgspec.Struct, frozen=True, gc=False):
    """A claimed position: WGS-84 degrees, metres, km/h, degrees clockwise from true north.

    ``valid`` is the receiver's own verdict; an invalid position is stored and never used. ``satellites`` is the
    number used for the solution, ``constellations`` the systems that took part.
    """

    lat: float
    lon: float
    altitude_m: float | None = None
    speed_kmh: float | None = None
    heading_deg: float | None = None
    hdop: float | None = None
    satellites: int | None = None
    constellations: tuple[str, ...] = ()
    valid: bool = True


class Occurrence(msgspec.Struct, frozen=True):
    """A claimed event. ``observed_at`` stands only where it differs from the uplink's own time."""

    kind: str
    attributes: Mapping[str, Any] = {}
    observed_at: int | None = None


class Copy(msgspec.Struct, frozen=True):
    """What makes an uplink one of several copies of a message that came by different ways, each with its own time.

    ``digest`` is the fingerprint of what the device said, the same in all copies; ``session`` the number of the session
    in which it said so, 0 where the copy does not tell. ``readings`` names those that are about the copy and not about
    the message (signal strength): they are filed with the first copy only.
    """

    digest: bytes
    session: int = 0
    readings: frozenset[str] = frozenset()


class Uplink(msgspec.Struct, gc=False):
    """One message of one device, decoded and not yet judged.

    ``observed_at`` is the device's claim (µs) or None when it made none. ``readings`` maps metric names of the
    catalogue to values in the metric's unit; ``doubtful`` names those that the source marks as uncertain. ``seq``
    orders fixes of one instant; ``message_id`` lets a message without a time be recognised when it comes twice.
    ``kind`` is a hint for the registration of a device that is not known yet. ``online`` is the connection's state
    where the transport knows it (a last will). ``copy`` stands where the same message may come by other ways too.
    """

    identity: Identity
    observed_at: int | None = None
    readings: Mapping[str, float] = {}
    position: Position | None = None
    occurrences: tuple[Occurrence, ...] = ()
    doubtful: frozenset[str] = frozenset()
    seq: int | None = None
    message_id: str | None = None
    kind: str | None = None
    online: bool | None = None
    copy: Copy | None = None


class Decoded(msgspec.Struct, gc=False):
    """The outcome of decoding one frame: what was sound, and what was not.

    A problem is one line that names the field and what was expected. A frame with problems is kept in dead letters
    *and* its sound part is filed: nothing valid is lost beside a fault.
    """

    uplinks: list[Uplink]
    problems: list[str] = []
    identity: Identity | None = None  #: of the sender, where the frame itself tells it, sound or not


class Device(msgspec.Struct, eq=False):
    """A registered device. ``key`` is the store's number for it, ``id`` the readable name (``bin-0042``)."""

    key: int
    id: str
    kind: str
    status: str = "active"
    name: str = ""
    attributes: Mapping[str, Any] = {}


class Reading(msgspec.Struct, gc=False):
    """A filed measurement. The metric's catalogue entry gives the unit."""

    device: Device
    metric: str
    value: float
    observed_at: int
    received_at: int
    quality: int = 0
    claimed_at: int | None = None


class Fix(msgspec.Struct, gc=False):
    """A filed position of a device (WGS-84). ``seq`` orders fixes of one instant, where the device numbers them."""

    device: Device
    observed_at: int
    received_at: int
    position: Position
    seq: int | None = None
    quality: int = 0
    claimed_at: int | None = None


class Event(msgspec.Struct, gc=False):
    """A filed event: emptied, door opened, SOS pressed, badge scanned, online, offline."""

    device: Device
    kind: str
    observed_at: int
    received_at: int
    attributes: Mapping[str, Any] = {}
    quality: int = 0
    claimed_at: int | None = None


class Receipt(msgspec.Struct, gc=False):
    """The memory of a message that carried no usable time: where it was filed, so that a redelivery is known again."""

    device: Device
    digest: bytes
    token: int  #: of the delivery (:attr:`Frame.token`); 0 where a message id tells more
    filed_at: int


ReceiptKey = tuple[int, bytes, int]
"""What a receipt is looked up by: device key, digest, and the token of the delivery or :data:`ANY_TOKEN`."""

ANY_TOKEN = -1


class Echo(msgspec.Struct, frozen=True, gc=False):
    """The memory of a message that may come again by another way: what was said, in which session, filed where."""

    device_key: int
    digest: bytes
    session: int
    told_at: int


class EchoWanted(msgspec.Struct, frozen=True, gc=False):
    """What the echoes of one copy are looked up by: ``low``..``high`` bounds their instant, both included."""

    device_key: int
    digest: bytes
    low: int
    high: int


class DeadLetter(msgspec.Struct, gc=False):
    """A frame that could not be filed, or not wholly, with the reason. ``payload`` is None where policy drops it."""

    frame: Frame
    reason: str
    code: str
    digest: bytes
    size: int  #: of the payload as it came, bytes
    device_id: str | None = None
    replayable: bool = True


class Heard(NamedTuple):
    """How a device was heard: when (µs), by which protocol (the adapter's name), through which connection."""

    received_at: int
    protocol: str
    source: str


class Batch(msgspec.Struct):
    """What one transaction stores: everything that a run of frames came to."""

    readings: list[Reading] = msgspec.field(default_factory=list)
    fixes: list[Fix] = msgspec.field(default_factory=list)
    events: list[Event] = msgspec.field(default_factory=list)
    receipts: list[Receipt] = msgspec.field(default_factory=list)
    echoes: list[Echo] = msgspec.field(default_factory=list)
    dead_letters: list[DeadLetter] = msgspec.field(default_factory=list)
    seen: dict[int, Heard] = msgspec.field(default_factory=dict)  #: device key → how it was heard last
    online: dict[int, tuple[int, bool]] = msgspec.field(default_factory=dict)  #: device key → (observed_at, state)
    expect_duplicates: bool = False  #: some frame was redelivered: take the staging way at once

    def rows(self) -> int:
        """How many rows of telemetry the batch holds (readings, fixes and events)."""
        return len(self.readings) + len(self.fixes) + len(self.events)


class Written(msgspec.Struct, frozen=True):
    """What a store made of a batch: rows that were new, and rows that it held already."""

    inserted: int
    duplicates: int
