"""Wiring of NMEA: from the ``[[nmea]]`` sections of the settings to transports with their streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from devices.vocabulary import Frame
from hub.nmea_settings import NmeaSection
from ingest.adapters.nmea import NAME, NmeaStream, Sampler, Source, Tally
from ingest.ports import Intake
from ingest.runner import Condition
from ingest.transports.line_client import LineClient
from ingest.transports.line_datagrams import LineDatagrams
from ingest.transports.line_device import FileLine, SerialLine
from ingest.transports.line_listener import LineListener
from ingest.transports.lines import HandOver, OpenStream


class LineTransport(Protocol):
    """What the hub asks of a line transport."""

    condition: Condition

    @property
    def peers(self) -> int:
        """How many peers are there now."""
        ...

    async def run(self) -> None:
        """Work until stopped."""
        ...

    def pause_reading(self) -> None:
        """Take nothing more and hand over what was gathered."""
        ...

    async def stop(self) -> None:
        """Close everything."""
        ...


class NmeaLine(msgspec.Struct):
    """One connection of the settings at work."""

    section: NmeaSection
    transport: LineTransport
    tally: Tally


def sources(sections: Iterable[NmeaSection]) -> dict[str, Source]:
    """How each connection reads its peers, by name, for the decoder."""
    return {section.name: section.source() for section in sections}


def open_lines(sections: Iterable[NmeaSection], intake: Intake, fallback: Callable[[Frame], None]) -> list[NmeaLine]:
    """The transports of the sections. ``fallback`` keeps frames that the intake cannot take: no peer sends again."""
    return [_line(section, intake, fallback) for section in sections]


def _line(section: NmeaSection, intake: Intake, fallback: Callable[[Frame], None]) -> NmeaLine:
    hand, tally, sampler = HandOver(NAME, section.name, intake, fallback), Tally(), Sampler()
    source = section.source()

    def open_stream(address: str) -> NmeaStream:
        return NmeaStream(source, address, hand, tally, sampler)

    return NmeaLine(section, TRANSPORTS[section.kind](section, open_stream, intake), tally)


def _listener(section: NmeaSection, open_stream: OpenStream, intake: Intake) -> LineTransport:
    return LineListener(section.name, section.host, section.port or 0, open_stream, intake, section.bounds())


def _client(section: NmeaSection, open_stream: OpenStream, intake: Intake) -> LineTransport:
    greeting = f"{section.greeting}\r\n".encode() if section.greeting else b""
    return LineClient(
        section.name, section.host, section.port or 0, open_stream, intake, section.bounds(), greeting=greeting
    )


def _datagrams(section: NmeaSection, open_stream: OpenStream, intake: Intake) -> LineTransport:
    by_port = section.device is None and section.identity != "peer"
    bounds = section.bounds()
    return LineDatagrams(section.name, section.host, section.port or 0, open_stream, bounds, by_port=by_port)


def _serial(section: NmeaSection, open_stream: OpenStream, intake: Intake) -> LineTransport:
    return SerialLine(section.name, section.path, section.baud, open_stream, section.bounds())


def _file(section: NmeaSection, open_stream: OpenStream, intake: Intake) -> LineTransport:
    return FileLine(section.name, Path(section.path), open_stream, intake, section.bounds())


TRANSPORTS: Mapping[str, Callable[[NmeaSection, OpenStream, Intake], LineTransport]] = {
    "tcp-server": _listener, "tcp-client": _client, "udp": _datagrams, "serial": _serial, "file": _file,
}  # fmt: skip
