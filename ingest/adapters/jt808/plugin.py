"""JT/T 808 terminals over TCP (``docs/protocols/jt808.md``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Frame
from ingest.adapters.jt808.owners import Owners
from ingest.adapters.jt808.settings import NAME, Jt808Section
from ingest.adapters.jt808.terminals import Jt808Server
from ingest.plugin import Plugin, Tools, Wiring
from ingest.wire.jt808 import messages
from ingest.wire.jt808.alarms import Input


class Jt808Decoder:
    """The decoder of the adapter; ``inputs`` are the switches of each listener's vehicles, by its name."""

    def __init__(self, catalogue: Catalogue, inputs: Mapping[str, Sequence[Input]] | None = None) -> None:
        self._catalogue = catalogue
        self._inputs = dict(inputs or {})

    def __call__(self, frame: Frame) -> Decoded:
        """Decode one frame. Raises DecodeError."""
        return messages.decode(frame.payload, self._catalogue, self._inputs.get(frame.source, ()), frame.received_at)


def decoder(sections: Sequence[Jt808Section], tools: Tools) -> Jt808Decoder:
    """The decoder of these listeners."""
    return Jt808Decoder(tools.catalogue, {section.name: section.switches() for section in sections})


def connect(section: Jt808Section, wiring: Wiring) -> Jt808Server:
    """Open a listener of the settings."""

    def owners(secret: bytes) -> Owners:
        return Owners(wiring.data / f"jt808-{quote(section.name, safe='')}.terminals", secret, wiring.tools.find)

    return Jt808Server(section.listener(wiring.secret, owners), wiring.intake)


PLUGIN = Plugin(NAME, "JT/T 808", setting="jt808", section=Jt808Section, decoder=decoder, connect=connect)
