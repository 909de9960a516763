"""GPX 1.0 and 1.1: a track or a route gives the line of the route that it names.

The line replaces that of a route which is known, or which stands in another file of the import. A new route needs its
kind in ``<type>`` (sweep, spray, collect, patrol). A track of several segments makes as many lines. GPX is WGS-84 by
its own word; another datum has to be named by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from devices.kinds import DEVICE_ID
from fleet.importing.gathering import Fault, Gathered, Loose, Spot, short
from fleet.importing.positions import MOST_POINTS, NOTE, Positions
from fleet.master.route import Work

KINDS: tuple[str, ...] = get_args(Work)
_WAYS = ("trk", "rte")
_PIECE = 64 * 1024  #: characters handed to the parser at a time


def from_gpx(text: str, datum: str | None = None) -> Gathered:
    """What a file holds; ``datum`` is what the caller says of its positions."""
    found = Gathered()
    if datum in NOTE:
        found.notes.append(NOTE[datum])
    reading = _Ways(found, Positions(datum or "wgs84"))
    parser = XMLParser(target=reading, forbid_dtd=True)
    reading.parser = parser.parser
    try:
        for start in range(0, len(text), _PIECE):
            parser.feed(text[start : start + _PIECE])
        parser.close()
    except ParseError as error:
        found.faults.append(Fault(error.position[0], "", f"not XML: {str(error).partition(':')[0]}"))
    except DefusedXmlException:
        found.faults.append(Fault(reading.line, "", "declares a document type or entities; expected plain GPX"))
    except _TooLongError as error:
        found.faults.append(Fault(reading.line, "", str(error)))
    if not found.loose and not found.faults:
        found.faults.append(Fault(1, "", "holds neither a track (trk) nor a route (rte) with points"))
    return found


class _TooLongError(Exception):
    pass


class _Way:
    """A track or route while it is read."""

    def __init__(self, tag: str, line: int) -> None:
        self.tag, self.line = tag, line
        self.name = self.type = ""
        self.segments: list[list[tuple[Any, Any]]] = [[]]
        self.first_lines: list[int] = [line]


class _Ways:
    """The target of the parser: keeps tracks and routes, and lets the rest pass."""

    def __init__(self, found: Gathered, positions: Positions) -> None:
        self._found, self._positions = found, positions
        self._path: list[str] = []
        self._text: list[str] = []
        self._way: _Way | None = None
        self._count = 0
        self.parser: Any = None

    @property
    def line(self) -> int:
        """Where the parser is."""
        return int(self.parser.CurrentLineNumber)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        name = tag.rpartition("}")[2]
        self._path.append(name)
        self._text.clear()
        if len(self._path) == 1 and name != "gpx":
            self._found.faults.append(Fault(self.line, "", f"expected the element gpx, got {name[:60]}"))
        if name in _WAYS and len(self._path) == 2:
            self._way = _Way(name, self.line)
        elif self._way is not None and name == "trkseg" and self._way.segments[-1]:
            self._way.segments.append([])
            self._way.first_lines.append(self.line)
        elif self._way is not None and name in ("trkpt", "rtept"):
            self._count += 1
            if self._count > MOST_POINTS:
                raise _TooLongError(f"expected at most {MOST_POINTS} points")
            self._way.segments[-1].append((_number(attributes.get("lon")), _number(attributes.get("lat"))))

    def data(self, data: str) -> None:
        """A piece of text; only that of short elements is of use."""
        if len(self._text) < 10:
            self._text.append(data)

    def end(self, tag: str) -> None:
        """An element ends."""
        name = self._path.pop()
        if self._way is None:
            return
        if name in ("name", "type") and len(self._path) == 2:
            setattr(self._way, name, "".join(self._text).strip())
        elif name == self._way.tag and len(self._path) == 1:
            self._enter(self._way)
            self._way = None

    def close(self) -> None:
        """The document is over."""

    def _enter(self, way: _Way) -> None:
        spot = Spot(way.line, self._found.faults, f"{way.tag}.")
        if not DEVICE_ID.match(way.name):
            spot.fault("name", f"expected the id of a route, got {short(way.name)}")
        if way.type and way.type not in KINDS:
            spot.fault("type", f"expected {', '.join(KINDS)}; got {short(way.type)}")
        segments = way.segments if len(way.segments) == 1 else [part for part in way.segments if part]
        lines = tuple(
            line
            for number, (segment, at) in enumerate(zip(segments, way.first_lines, strict=False))
            if (line := self._positions.line(segment, Spot(at, self._found.faults, f"{way.tag}."), f"line[{number}]"))
        )
        if len(lines) == len(segments):
            self._found.loose.append(Loose(way.name, way.line, f"{way.tag}.", lines=lines, kind=way.type or None))


def _number(text: str | None) -> Any:
    try:
        return float(text) if text is not None and "_" not in text else text
    except ValueError:
        return text
