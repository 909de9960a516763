"""The streams of NMEA receivers into frames of an epoch each, and back into claims.

A :class:`NmeaStream` is one peer: it cuts, groups and names, and hands over a frame for each epoch. The frame's channel
is ``<scheme>/<value>/<address>``: who the peer is, by which rule, and where it was heard. What is no sentence is
counted, and now and then a sample of it is handed over too, so that it ends in dead letters for a person to see.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from time import monotonic

import msgspec

from devices.errors import DecodeError
from devices.kinds import DEVICE_ID
from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Frame, Identity, Uplink
from ingest.wire.nmea.epoch import Epoch, EpochAssembler
from ingest.wire.nmea.frame import epoch_of, payload_of
from ingest.wire.nmea.identity import recognise
from ingest.wire.nmea.lines import LineSplitter, is_tag_block
from ingest.wire.nmea.sentence import parse

NAME = "nmea"
NOBODY = "-"  #: scheme of a peer that must say who it is and has not
SAMPLE_S = 60.0  #: at most one sample of garbage for each address in so many seconds
_SAMPLED_ADDRESSES = 10_000

Hand = Callable[[str, bytes], None]
"""Takes a frame: its channel and its payload."""


class Source(msgspec.Struct, frozen=True):
    """How one connection of the settings reads its peers.

    ``device`` names the one device behind it. Else ``identity`` tells: ``peer`` the address is the identity; ``line``
    a line before the sentences must say it; ``auto`` such a line where there is one, else the address;
    ``certificate`` the name in its certificate.
    ``device_kind`` is a hint for the registration of devices that are not known yet.
    """

    name: str
    identity: str = "auto"
    device: str | None = None
    device_kind: str = "vehicle"
    checksum_required: bool = True


class Tally(msgspec.Struct):
    """What one connection of the settings has seen since start."""

    bytes: int = 0
    sentences: int = 0  #: sound ones, those that are passed over included
    epochs: int = 0
    garbage: int = 0  #: pieces that are no sound sentence
    sampled: int = 0  #: of these handed over


class Sampler:
    """Says which garbage is worth a look: one piece for each address and span."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._last: OrderedDict[str, float] = OrderedDict()

    def wants(self, address: str) -> bool:
        """Whether to keep a sample from this address now."""
        now = self._clock()
        last = self._last.get(address)
        if last is not None and now - last < SAMPLE_S:
            return False
        self._last[address] = now
        self._last.move_to_end(address)
        if len(self._last) > _SAMPLED_ADDRESSES:
            self._last.popitem(last=False)
        return True


class NmeaStream:
    """The bytes of one peer. ``address`` is where it was heard, without the port it happens to use.

    ``name`` stands in the certificate that it brought.
    """

    def __init__(
        self, source: Source, address: str, hand: Hand, tally: Tally, sampler: Sampler, name: str | None = None
    ) -> None:
        address = address.removeprefix("::ffff:")  # IPv4 on a socket that takes both
        self._source = source
        self._address = address
        self._hand = hand
        self._tally = tally
        self._sampler = sampler
        self._splitter = LineSplitter()
        self._assembler = EpochAssembler()
        self._identity = _first_identity(source, address, name)
        self._begun = False  #: whether a whole line was seen: the first piece of a stream may be half of one

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._tally.bytes += len(data)
        for piece in self._splitter.feed(data):
            self._take(piece)

    def idle(self) -> None:
        """The peer is silent: the epoch that was being gathered is complete."""
        self._tell(self._assembler.flush())

    def close(self) -> None:
        """The stream has ended. A last line without an end counts if it is sound."""
        for piece in self._splitter.close():
            self._take(piece, last=True)
        self.idle()

    def _take(self, piece: bytes, *, last: bool = False) -> None:
        if self._source.device is None and self._source.identity in ("auto", "line"):
            identity = recognise(piece)
            if identity is not None:
                self._name(identity)
                return
        if passed_over(piece):
            return
        try:
            sentence = parse(piece, checksum_required=self._source.checksum_required)
        except DecodeError:
            half = last or (not self._begun and piece[:1] != b"$")
            self._refuse(piece, worth_a_look=not half)
        else:
            self._tally.sentences += 1
            self._tell(self._assembler.feed(sentence))
        self._begun = True

    def _name(self, identity: Identity) -> None:
        """A line said who sends; another device than before begins anew."""
        self._begun = True
        if identity != self._identity:
            self.idle()
            self._assembler = EpochAssembler()
            self._identity = identity

    def _refuse(self, piece: bytes, *, worth_a_look: bool) -> None:
        self._tally.garbage += 1
        if worth_a_look and self._sampler.wants(self._address):
            self._tally.sampled += 1
            self._hand(self._channel(), piece)

    def _tell(self, epochs: list[Epoch]) -> None:
        for epoch in epochs:
            if self._identity.scheme == NOBODY:
                self._refuse(payload_of(epoch), worth_a_look=True)
                continue
            self._tally.epochs += 1
            self._hand(self._channel(), payload_of(epoch))

    def _channel(self) -> str:
        return f"{self._identity.scheme}/{self._identity.value}/{self._address}"


class NmeaDecoder:
    """The decoder of the adapter. ``sources`` are the connections of the settings by name; others get the defaults."""

    def __init__(self, sources: Mapping[str, Source], catalogue: Catalogue) -> None:
        self._sources = sources
        self._catalogue = catalogue

    def __call__(self, frame: Frame) -> Decoded:
        """Decode one frame. Raises DecodeError."""
        source = self._sources.get(frame.source) or Source(frame.source)
        scheme, _, rest = frame.channel.partition("/")
        value = rest.partition("/")[0]
        epoch = epoch_of(frame.payload, checksum_required=source.checksum_required)
        if not scheme or not value or scheme == NOBODY:
            raise DecodeError("channel: the peer has not said who it is, and its address does not count")
        identity = Identity(scheme, value)
        uplink, problems = uplink_of(epoch, identity, self._catalogue)
        uplink.kind = source.device_kind
        return Decoded([uplink], problems, identity)


def uplink_of(epoch: Epoch, identity: Identity, catalogue: Catalogue) -> tuple[Uplink, list[str]]:
    """An epoch as a claim. Without a fix the satellites become a reading: there is no position to tell them."""
    claim = epoch.claim()
    readings: dict[str, float] = {}
    if claim.position is None and claim.satellites is not None:
        problem = catalogue.check("satellites", claim.satellites)
        if problem is None:
            readings["satellites"] = float(claim.satellites)
    uplink = Uplink(identity, claim.observed_at, readings, claim.position, seq=epoch.seq)
    return uplink, claim.problems


def passed_over(piece: bytes) -> bool:
    """Lines that stand rightly in such streams and are no NMEA of ours: tag blocks, AIS, what gpsd reports as JSON."""
    return piece[:1] == b"!" or piece[:9] == b'{"class":' or is_tag_block(piece.strip(b" \t\0"))


def _first_identity(source: Source, address: str, name: str | None) -> Identity:
    if source.device is not None:
        return Identity("id", source.device)
    if source.identity == "certificate":
        return Identity("id", name) if name and DEVICE_ID.match(name) else Identity(NOBODY, NOBODY)
    if source.identity == "line" or not DEVICE_ID.match(address):
        return Identity(NOBODY, NOBODY)
    return Identity("peer", address)
