"""NMEA 0183 (``docs/protocols/nmea.md``): from the ``[[nmea]]`` sections of the settings to transports with streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from devices.vocabulary import Frame
from ingest.adapters.nmea.settings import NmeaSection
from ingest.adapters.nmea.stream import NAME, NmeaDecoder, NmeaStream, Sampler, Tally
from ingest.plugin import Plugin, Tools, Wiring
from ingest.ports import Figure, Intake, Standing
from ingest.runner import Condition
from ingest.transports.lines.client import LineClient
from ingest.transports.lines.datagrams import LineDatagrams
from ingest.transports.lines.device import FileLine, SerialLine
from ingest.transports.lines.listener import LineListener
from ingest.transports.lines.stream import HandOver, OpenStream


class LineTransport(Protocol):
    """What is asked of a line transport."""

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


_ALREADY = asyncio.Event()  #: of transports that do not listen
_ALREADY.set()


class NmeaLine:
    """One connection of the settings at work. ``keep`` takes frames that the intake cannot: no peer sends again."""

    def __init__(self, section: NmeaSection, intake: Intake, keep: Callable[[Frame], None]) -> None:
        self.section = section
        self.tally = Tally()
        self.name = f"nmea {section.name}"
        self._source = section.source()
        self._hand = HandOver(NAME, section.name, intake, keep)
        self._sampler = Sampler()
        self.transport = TRANSPORTS[section.kind](section, self._open, intake)
        self.listening = getattr(self.transport, "listening", _ALREADY)

    async def run(self) -> None:
        """Read until :meth:`stop`."""
        await self.transport.run()

    def pause_reading(self) -> None:
        """Take nothing more and hand over what was gathered."""
        self.transport.pause_reading()

    async def stop(self) -> None:
        """Close everything."""
        await self.transport.stop()

    def standing(self) -> Standing:
        """Where it reads, whether it can, and what came."""
        fault = self.transport.condition.fault
        return Standing(
            title=f"NMEA {self.section.name}",
            kind=NAME,
            address=self._address(),
            connected=fault is None,
            fault=fault or "",
            figures=tuple(self._figures()),
        )

    def _open(self, address: str, name: str | None = None) -> NmeaStream:
        return NmeaStream(self._source, address, self._hand, self.tally, self._sampler, name)

    def _address(self) -> str:
        """The place of the section; a listener's with the port that it was given."""
        bound = getattr(self.transport, "address", None)
        return self.section.place if bound is None else f"{self.section.kind} {bound[0]}:{bound[1]}"

    def _figures(self) -> Sequence[Figure]:
        labels = {"line": self.section.name}
        counted = [
            Figure(f"sanihub_nmea_{name}_total", text, getattr(self.tally, field), labels)
            for name, text, field in (
                ("received_bytes", "Bytes received", "bytes"),
                ("sentences", "Sound sentences", "sentences"),
                ("epochs", "Epochs handed over", "epochs"),
                ("garbage", "Pieces that are no sound sentence", "garbage"),
            )
        ]
        peers = Figure("sanihub_nmea_peers", "Peers that are there now", self.transport.peers, labels, "gauge")
        return [*counted, peers]


def decoder(sections: Sequence[NmeaSection], tools: Tools) -> NmeaDecoder:
    """The decoder of these connections."""
    return NmeaDecoder({section.name: section.source() for section in sections}, tools.catalogue)


def connect(section: NmeaSection, wiring: Wiring) -> NmeaLine:
    """Open a connection of the settings."""
    return NmeaLine(section, wiring.intake, wiring.keep)


def _listener(section: NmeaSection, open_stream: OpenStream, intake: Intake) -> LineTransport:
    tls = section.tls.tls() if section.tls else None
    return LineListener(section.name, section.host, section.port or 0, open_stream, intake, section.bounds(), tls)


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

PLUGIN = Plugin(NAME, "NMEA 0183", setting="nmea", section=NmeaSection, decoder=decoder, connect=connect)
