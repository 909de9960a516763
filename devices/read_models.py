"""What readers of the store get to see: the shapes between the store's readers and whoever shows them.

Instants are integers, microseconds since 1970-01-01T00:00:00Z; spans are half open, ``[start, end)``. Positions are
WGS-84 degrees. Everything here is frozen: a read is a photograph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from devices.errors import SanihubError, TransientError

Item = TypeVar("Item")


class CursorError(SanihubError):
    """The cursor was not handed out by this list; start again without one."""


class QueryTimeoutError(TransientError):
    """The store was asked for too much at once and gave up; ask for a shorter span."""


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """A stretch of a list. ``next_cursor`` continues right behind the last item; None at the end of the list."""

    items: tuple[Item, ...]
    next_cursor: str | None = None


class DeviceEntry(msgspec.Struct, frozen=True):
    """A registered device. ``identities`` are written ``scheme:value``; ``received_at`` is its newest frame, if any.

    ``protocol`` and ``source`` say how that frame came: the adapter, and its connection in the settings.
    """

    id: str
    kind: str
    status: str
    name: str
    attributes: Mapping[str, Any]
    identities: tuple[str, ...]
    registered_at: int
    changed_at: int
    received_at: int | None = None
    protocol: str | None = None
    source: str | None = None


class LatestFix(msgspec.Struct, frozen=True):
    """The newest valid position of a device."""

    observed_at: int
    lat: float
    lon: float
    altitude_m: float | None = None
    speed_kmh: float | None = None
    heading_deg: float | None = None


class LatestReading(msgspec.Struct, frozen=True):
    """The newest reading of one metric, in the metric's unit. ``quality`` holds marks of ``vocabulary.Quality``."""

    value: float
    observed_at: int
    quality: int = 0


class DeviceState(msgspec.Struct, frozen=True):
    """What is newest of one device. ``received_at`` is None for a device that was never heard.

    ``protocol`` and ``source`` say how its newest frame came. ``online`` is the last word of the connection itself (an
    MQTT will), None where the transport never spoke of it. ``place`` is the latitude and longitude that stand in the
    device's attributes: most bins have no receiver of their own.
    """

    id: str
    kind: str
    status: str
    name: str
    received_at: int | None = None
    protocol: str | None = None
    source: str | None = None
    online: bool | None = None
    online_at: int | None = None
    fix: LatestFix | None = None
    place: tuple[float, float] | None = None
    readings: Mapping[str, LatestReading] = {}


class SeriesPoint(msgspec.Struct, frozen=True):
    """One reading of a series. ``claimed_at`` is the device's own time where it was not believed."""

    observed_at: int
    value: float
    received_at: int
    quality: int = 0
    claimed_at: int | None = None


class SeriesBucket(msgspec.Struct, frozen=True):
    """Readings of one metric that fall into ``[start_at, start_at + width)``. A bucket without readings does not exist.

    ``last`` is the value of the newest instant; of several values at that instant, the greatest.
    """

    start_at: int
    count: int
    minimum: float
    maximum: float
    mean: float
    last: float


class TrackPoint(msgspec.Struct, frozen=True):
    """One stored position of a device; several may share an instant, then ``seq`` orders them."""

    observed_at: int
    received_at: int
    lat: float
    lon: float
    altitude_m: float | None = None
    speed_kmh: float | None = None
    heading_deg: float | None = None
    hdop: float | None = None
    satellites: int | None = None
    constellations: tuple[str, ...] = ()
    seq: int | None = None
    quality: int = 0
    valid: bool = True


class EventRecord(msgspec.Struct, frozen=True):
    """One stored event of a device."""

    kind: str
    observed_at: int
    received_at: int
    attributes: Mapping[str, Any]
    quality: int = 0
    claimed_at: int | None = None


class DeadLetterEntry(msgspec.Struct, frozen=True):
    """A frame that could not be filed, or not wholly. ``size_bytes`` is that of the payload as it came."""

    id: int
    received_at: int
    adapter: str
    source: str
    channel: str
    code: str
    reason: str
    device_id: str | None
    size_bytes: int
    replayable: bool
    replayed_at: int | None = None
    outcome: str | None = None


class DeadLetterContent(msgspec.Struct, frozen=True):
    """A dead letter with its bytes; ``payload`` is None where policy dropped them."""

    entry: DeadLetterEntry
    payload: bytes | None


class KindCount(msgspec.Struct, frozen=True):
    """Devices in service of one kind: all, those heard lately, those with a position, those awaiting a decision."""

    kind: str
    devices: int
    reporting: int
    positioned: int
    pending: int


class ProtocolCount(msgspec.Struct, frozen=True):
    """Devices in service of one kind whose newest frame came by one protocol: all, and those heard lately."""

    protocol: str
    kind: str
    devices: int
    reporting: int


class StoreFigures(msgspec.Struct, frozen=True):
    """What the store holds. Row counts are the server's own estimates: counting a year of rows would take minutes.

    ``dead_letters_open`` is counted up to 100,000 and stays there: past that, the number no longer changes a decision.
    ``timescaledb_version`` is None on a server without the extension.
    """

    kinds: tuple[KindCount, ...]
    protocols: tuple[ProtocolCount, ...]
    readings_rows: int
    fixes_rows: int
    events_rows: int
    dead_letters_open: int
    newest_received_at: int | None
    server_version: str
    timescaledb_version: str | None = None
