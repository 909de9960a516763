"""Modbus units that the hub polls and may write to (``docs/protocols/modbus.md``).

Each poll is a frame; its payload is the raw answers (:mod:`ingest.wire.modbus.poll`), its channel
``<device>/<host, port or path>/<unit>``. Who the device is stands in the settings, for Modbus knows no names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devices.errors import DecodeError
from devices.kinds import DEVICE_ID
from devices.metrics import Catalogue
from devices.register_maps.files import shipped
from devices.register_maps.layout import RegisterMap
from devices.vocabulary import Decoded, Device, Frame, Identity
from ingest.adapters.modbus.settings import ModbusSection
from ingest.plugin import Plugin, Tools, Wiring
from ingest.ports import CommandError, Figure, Intake, Standing
from ingest.transports.lines.stream import HandOver
from ingest.transports.modbus.bus import Bus
from ingest.transports.modbus.plan import Unit
from ingest.wire.modbus.poll import Poll, payload_of, poll_of
from ingest.wire.modbus.values import decode_poll, words_to_write

NAME = "modbus"
SET = "set"  #: the one command: ``{"point": "fan", "value": true}``
COMMAND_S = 10.0  #: how long a command may wait for its turn and its answer


class ModbusDecoder:
    """The decoder of the adapter. ``maps`` and ``kinds`` are those of each section, by its name."""

    def __init__(
        self,
        catalogue: Catalogue,
        maps: Mapping[str, Mapping[str, RegisterMap]] | None = None,
        kinds: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._maps = maps or {}
        self._kinds = kinds or {}

    def __call__(self, frame: Frame) -> Decoded:
        """Decode one poll. Raises DecodeError."""
        device = frame.channel.partition("/")[0]
        if not DEVICE_ID.match(device):
            raise DecodeError("channel: expected <device>/<place>/<unit>")
        poll = poll_of(frame.payload)
        maps = self._maps.get(frame.source) or shipped()
        register_map = maps.get(poll.map)
        if register_map is None:
            raise DecodeError(f"map: no register map is named {poll.map!r}; known: {', '.join(sorted(maps))}")
        decoded = decode_poll(poll, register_map, Identity("id", device), self._catalogue)
        kind = self._kinds.get((frame.source, device))
        if kind is not None:
            decoded.uplinks[0].kind = kind
        return decoded


class ModbusBus:
    """One bus of the settings at work. :meth:`run` works until :meth:`stop`."""

    def __init__(self, section: ModbusSection, intake: Intake, keep: Callable[[Frame], None]) -> None:
        self.section = section
        self.name = f"modbus {section.name}"
        self._hand = HandOver(NAME, section.name, intake, keep)
        self._settings = section.bus()
        self._units = section.plan()
        self._bus: Bus | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Poll until :meth:`stop`."""
        if self._stop.is_set():
            return
        self._bus = Bus(self.section.name, self._settings, self._units, self._tell)
        await self._bus.run()

    def pause_reading(self) -> None:
        """Poll no more; a poll that is under way is given up."""
        self._stop.set()
        if self._bus is not None:
            self._bus.stop()

    async def stop(self) -> None:
        """Ask :meth:`run` to finish."""
        self.pause_reading()

    def reaches(self, device: Device, identities: Sequence[Identity]) -> tuple[str, ...]:
        """``set`` for a device of this bus whose map says that something may be written, while the bus is there."""
        unit = self._unit_of(device, identities)
        there = self._bus is not None and not self._bus.fault
        return (SET,) if there and unit is not None and unit.register_map.writes else ()

    async def command(
        self, device: Device, identities: Sequence[Identity], name: str, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Write a point of the device's map, and return what it confirmed.

        Raises CommandError, of it NoAnswerError where the device may have been told, and ValueError.
        """
        unit = self._unit_of(device, identities)
        if unit is None or name != SET:
            raise ValueError(f"command: expected {SET} for a device of {self.name}, got {name!r}")
        writes = unit.register_map.writes
        unknown = sorted(set(arguments) - {"point", "value"})
        if unknown:
            raise ValueError(f"{unknown[0]}: unknown; expected point and value")
        point = writes.get(wanted) if isinstance(wanted := arguments.get("point"), str) else None
        if point is None:
            raise ValueError(f"point: expected one of {', '.join(sorted(writes)) or '(none)'}, got {wanted!r}")
        value = arguments.get("value")
        words = words_to_write(point, value)
        if self._bus is None:
            raise CommandError(f"{self.name}: not running")
        await self._bus.write(unit.number, point, words, COMMAND_S)
        return {"point": point.name, "value": value}

    def standing(self) -> Standing:
        """How the bus is doing."""
        fault = "" if self._bus is None else self._bus.fault
        return Standing(
            title=f"Modbus {self.section.name}",
            kind=NAME,
            address=self._settings.line.place,
            connected=not fault,
            fault=fault,
            figures=tuple(self._figures()),
        )

    def _tell(self, unit: Unit, poll: Poll) -> None:
        place = self._settings.line.place.partition(" ")[2]
        self._hand(f"{unit.device}/{place}/{unit.number}", payload_of(poll))

    def _unit_of(self, device: Device, identities: Sequence[Identity]) -> Unit | None:
        names = {device.id} | {identity.value for identity in identities if identity.scheme == "id"}
        return next((unit for unit in self._units if unit.device in names), None)

    def _figures(self) -> Sequence[Figure]:
        bus = self._bus
        if bus is None:
            return ()
        labels = {"bus": self.section.name}
        counted = [
            Figure(f"sanihub_modbus_{name}_total", text, getattr(bus.tally, name), labels)
            for name, text in (
                ("requests", "Requests sent"),
                ("polls", "Polls that a unit answered"),
                ("timeouts", "Requests that no unit answered"),
                ("exceptions", "Requests that a unit refused"),
                ("commands", "Points written, or tried to"),
            )
        ]
        states = bus.schedule.states
        missed = sum(state.missed for state in states)
        living = sum(state.living for state in states)
        return [
            *counted,
            Figure("sanihub_modbus_missed_polls_total", "Beats that passed without a poll", missed, labels),
            Figure("sanihub_modbus_units", "Units of the bus", len(states), labels, "gauge"),
            Figure("sanihub_modbus_units_answering", "Units that answered the last time", living, labels, "gauge"),
        ]


def decoder(sections: Sequence[ModbusSection], tools: Tools) -> ModbusDecoder:
    """The decoder of these buses. Raises ConfigError for faulty maps."""
    kinds = {
        (section.name, unit.device): unit.device_kind
        for section in sections
        for unit in section.units
        if unit.device_kind is not None
    }
    for section in sections:
        section.plan()
    return ModbusDecoder(tools.catalogue, {one.name: one.register_maps() for one in sections}, kinds)


def connect(section: ModbusSection, wiring: Wiring) -> ModbusBus:
    """A bus of the settings."""
    return ModbusBus(section, wiring.intake, wiring.keep)


PLUGIN = Plugin(NAME, "Modbus", setting="modbus", section=ModbusSection, decoder=decoder, connect=connect)
