"""What network servers of LoRaWAN say, in one form, and what the hub makes of it.

The envelope of each server is read by a module of its own (:mod:`ingest.wire.lorawan.chirpstack`, ``tts``, ``loriot``,
``thingpark``) into a :data:`Message`. Here a message becomes claims: a codec is chosen, the device's object is taken
from the server or decoded from the bytes, and its fields become readings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from devices.codecs import Codec, DecodedPayload
from devices.errors import DecodeError
from devices.mapping.claims import Claims, claims_of
from devices.mapping.defaults import DEFAULT_MAPPING
from devices.metrics import Catalogue
from devices.vocabulary import Copy, Decoded, Device, Identity, Occurrence, Uplink
from ingest.wire.lorawan.choice import Choice, advice, choose

SCHEME = "dev_eui"
LINK = frozenset(("rssi_dbm", "snr_db"))  #: readings that are never the device's own
MAX_PROBLEMS = 20


class Gateway(msgspec.Struct, frozen=True):
    """A gateway that heard the uplink: dBm, dB, and its own time (µs) where it has one."""

    id: str = ""
    rssi: float | None = None
    snr: float | None = None
    time: int | None = None


class LoraUplink(msgspec.Struct, frozen=True):
    """One uplink as a network server hands it over.

    ``dev_eui`` is 16 lower-case hexadecimal digits. ``observed_at`` (µs) is the server's own time of reception, the
    same in every copy that the server sends. ``decoded`` is the object that the server's decoder made, ``normalized``
    readings in our names that the server itself vouches for. ``models`` are words of the envelope that may name the
    model, the surest first; ``profile`` is the device profile's name. ``dev_addr`` stands only where all copies that
    the server sends tell it. ``fault`` says why the bytes are not to be had (they are encrypted).
    """

    dev_eui: str
    name: str = ""
    dev_addr: str | None = None
    f_cnt: int | None = None
    f_port: int | None = None
    payload: bytes = b""
    observed_at: int | None = None
    decoded: Mapping[str, Any] | None = None
    normalized: Mapping[str, float] = {}
    profile: str = ""
    models: tuple[str, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    spreading_factor: int | None = None
    confirmed: bool = False
    battery_pct: float | None = None
    simulated: bool = False
    fault: str | None = None

    @property
    def identity(self) -> Identity:
        """The device's identity in our registry."""
        return Identity(SCHEME, self.dev_eui)

    @property
    def best(self) -> Gateway | None:
        """The gateway that heard it loudest."""
        heard = [gateway for gateway in self.gateways if gateway.rssi is not None]
        return max(heard, key=lambda gateway: (gateway.rssi, gateway.snr or -100.0), default=None)


class Notice(msgspec.Struct, frozen=True):
    """What a network server says about a device beside its uplinks: its status, that it joined, that it is silent."""

    kind: str
    dev_eui: str
    observed_at: int | None = None
    readings: Mapping[str, float] = {}
    occurrences: tuple[Occurrence, ...] = ()
    online: bool | None = None
    fields: Mapping[str, Any] = {}  #: what is worth showing and is no reading


class Passed(msgspec.Struct, frozen=True):
    """A message that is rightly there and holds nothing for us: downlink acknowledgements, logs, locations."""

    kind: str
    dev_eui: str | None = None


Message = LoraUplink | Notice | Passed
Find = Callable[[Identity], Device | None]


class Meaning(msgspec.Struct, frozen=True):
    """What an uplink was found to mean: the device's whole object, and what of it are claims."""

    object: Mapping[str, Any] | None
    claims: Claims
    codec: Codec | None = None
    fault: str | None = None  #: why there is no object


def meaning(uplink: LoraUplink, choice: Choice, catalogue: Catalogue, find: Find) -> Meaning:
    """Choose a codec and read the device's object with it. Never raises: a fault is part of the meaning.

    The server's object is used where it is there and says something in our terms, otherwise the bytes are decoded. A
    codec that is forced reads the bytes first.
    """
    codec = choose(uplink.dev_eui, uplink.profile, uplink.models, choice, find(uplink.identity))
    if not uplink.decoded or choice.forced is not None:
        own = _own(uplink, codec, catalogue)
        if not uplink.decoded or own.object is not None:
            return own
    mapping = DEFAULT_MAPPING if codec is None else codec.mapping
    served = Meaning(uplink.decoded, claims_of(uplink.decoded, mapping, catalogue), codec)
    if not _empty(served.claims):
        return served
    if codec is None:
        served.claims.problems.append(advice(uplink.dev_eui, uplink.profile, uplink.models))
        return served
    own = _own(uplink, codec, catalogue)
    return served if own.object is None else own


def claims(message: Message, choice: Choice, catalogue: Catalogue, find: Find) -> Decoded:
    """A network server's message as claims. What could not be understood is a problem beside what could."""
    if isinstance(message, Passed):
        return Decoded([], identity=None if message.dev_eui is None else Identity(SCHEME, message.dev_eui))
    if isinstance(message, Notice):
        return _noticed(message, catalogue)
    return told(message, meaning(message, choice, catalogue, find), catalogue)


def told(uplink: LoraUplink, found: Meaning, catalogue: Catalogue) -> Decoded:
    """The claims of an uplink whose meaning was found: the device's own, its history, and how it was heard."""
    said = found.claims
    beside = {
        name: value
        for name, value in _beside(uplink).items()
        if name not in said.readings
        and catalogue.check(name, value) is None
        and (found.fault is None or name in LINK)  # what the device says itself may still be found out
    }
    readings = {**said.readings, **beside}
    doubtful = frozenset(readings) if uplink.simulated else said.doubtful
    kind = None if found.codec is None else found.codec.kind
    main = Uplink(
        uplink.identity,
        uplink.observed_at,
        readings,
        said.position,
        said.occurrences,
        doubtful,
        kind=kind,
        copy=_copy(uplink, LINK.union(beside)),
    )
    older = [Uplink(uplink.identity, instant, values, kind=kind) for instant, values in said.history]
    problems = [*([found.fault] if found.fault else []), *said.problems]
    if len(problems) > MAX_PROBLEMS:
        problems[MAX_PROBLEMS:] = [f"and {len(problems) - MAX_PROBLEMS} more"]
    return Decoded([main, *older], problems, uplink.identity)


def _own(uplink: LoraUplink, codec: Codec | None, catalogue: Catalogue) -> Meaning:
    """What we read in the bytes ourselves."""
    if uplink.fault is not None:
        return Meaning(None, Claims(), codec, uplink.fault)
    if not uplink.payload or uplink.f_port == 0:  # nothing, or MAC commands alone: the device is alive
        return Meaning(None, Claims(), codec)
    if codec is None:
        return Meaning(None, Claims(), None, advice(uplink.dev_eui, uplink.profile, uplink.models))
    if uplink.f_port is None:
        return Meaning(None, Claims(), codec, "port: missing, expected the FPort of the payload")
    try:
        decoded: DecodedPayload = codec.read(uplink.f_port, uplink.payload)
    except DecodeError as error:
        return Meaning(None, Claims(), codec, f"{codec.model}: {error}")
    return Meaning(decoded.object, codec.claims(decoded, catalogue), codec)


def _empty(found: Claims) -> bool:
    return not (found.readings or found.occurrences or found.position or found.history)


def _beside(uplink: LoraUplink) -> dict[str, float]:
    """Readings that the server gives beside the device's own object; the device's own come first."""
    found = dict(uplink.normalized)
    if uplink.battery_pct is not None:
        found.setdefault("battery_pct", uplink.battery_pct)
    best = uplink.best
    if best is not None and best.rssi is not None:
        found["rssi_dbm"] = best.rssi
        if best.snr is not None:
            found["snr_db"] = best.snr
    return found


def _copy(uplink: LoraUplink, beside: frozenset[str]) -> Copy | None:
    """What all copies of the uplink have in common (ADR 0010); None where there is no counter to tell them by.

    ``beside`` names the readings that the server gave beside the bytes, which may differ from copy to copy.
    """
    if uplink.f_cnt is None:
        return None
    port = "-" if uplink.f_port is None else uplink.f_port
    head = f"{uplink.dev_eui} {uplink.f_cnt} {port} ".encode()  # one of our devices may have several radios
    session = 0 if uplink.dev_addr is None else 1 + int(uplink.dev_addr, 16)
    return Copy(blake2b(head + uplink.payload, digest_size=16).digest(), session, beside)


def _noticed(notice: Notice, catalogue: Catalogue) -> Decoded:
    identity = Identity(SCHEME, notice.dev_eui)
    readings, problems = {}, []
    for name, value in notice.readings.items():
        problem = catalogue.check(name, value)
        if problem is None:
            readings[name] = value
        else:
            problems.append(problem)
    uplink = Uplink(identity, notice.observed_at, readings, occurrences=notice.occurrences, online=notice.online)
    return Decoded([uplink], problems, identity)
