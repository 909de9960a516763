"""Who speaks what in a run: the protocol of each device, and what its terminal, sensor or controller goes by.

It follows from the scenario, the seed and the addresses that there are, so that a hub can be told of the devices before
the run begins.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from simulators.city import City
from simulators.city.bins import DEPTH_MM, FULL_MM
from simulators.scenario import Scenario
from simulators.source import Source
from simulators.speakers.allotment import CLOCKLESS, DEFAULT, allot, dead_units
from simulators.speakers.http_json import HttpAddress
from simulators.speakers.identities import edition_of, identities, number_of, phone_of
from simulators.speakers.jt808_frames import Fitting
from simulators.speakers.jt808_terminal import Habits
from simulators.speakers.lines import Peer
from simulators.speakers.lorawan_sensors import sensors_of
from simulators.speakers.modbus import Seat, seats


class Peers(msgspec.Struct, frozen=True):
    """Where each protocol is spoken, beside the broker; None where nobody listens.

    ``modbus`` makes the listening sockets of so many gateways. ``lorawan`` is whether anybody reads the network
    servers' topics at the broker.
    """

    jt808: Peer | None = None
    nmea_tcp: Peer | None = None
    nmea_udp: tuple[str, int] | None = None
    http: HttpAddress | None = None
    modbus: Callable[[int], Sequence[socket.socket]] | None = None
    lorawan: bool = True
    habits: Habits = Habits()

    def spoken(self) -> frozenset[str]:
        """The protocols that can be spoken."""
        there = {
            "jt808": self.jt808 is not None,
            "nmea-tcp": self.nmea_tcp is not None,
            "nmea-udp": self.nmea_udp is not None,
            "http": self.http is not None,
            "modbus": self.modbus is not None,
            "chirpstack": self.lorawan,
            "tts": self.lorawan,
            DEFAULT: True,
        }
        return frozenset(protocol for protocol, is_there in there.items() if is_there)


class Casting(msgspec.Struct, frozen=True):
    """The parts. ``seats`` are those of the Modbus controllers; ``fitting`` is what a vehicle's terminal knows.

    ``missing`` counts the devices whose protocol nobody listens to, and that speak JSON over MQTT instead.
    """

    protocols: Mapping[str, str]
    missing: Mapping[str, int]
    seats: Mapping[str, Seat]
    fitting: Callable[[str], Fitting]

    @property
    def gateways(self) -> int:
        """How many Modbus gateways there are."""
        return 1 + max((seat.gateway for seat in self.seats.values()), default=-1)

    @property
    def dead(self) -> tuple[str, ...]:
        """The devices whose controller never answers."""
        return tuple(name for name, seat in self.seats.items() if seat.dead)

    @property
    def clockless(self) -> frozenset[str]:
        """The devices that tell no time of their own."""
        return frozenset(name for name, protocol in self.protocols.items() if protocol in CLOCKLESS)

    def identities(self, device_id: str) -> tuple[tuple[str, str], ...]:
        """(scheme, value) of all that a device goes by beside its readable id."""
        return identities(self.protocols.get(device_id, DEFAULT), device_id)

    def geometry(self, device_id: str) -> dict[str, int]:
        """What a bin's sensor measures when the bin is empty and when it is full (mm): attributes of the device."""
        above = 0
        if self.protocols.get(device_id) in ("chirpstack", "tts"):
            above = sensors_of("bin", number_of(device_id))[0].model.above_mm
        return {"empty_mm": DEPTH_MM + above, "full_mm": FULL_MM + above}


def cast(scenario: Scenario, source: Source, seed: int, peers: Peers | None = None) -> Casting:
    """Give every device of a source its part; a protocol that ``peers`` lacks gives way to JSON over MQTT."""
    spoken = (peers or Peers()).spoken()
    allotted = allot(source.device_ids, scenario.speakers, seed)
    missing = Counter(protocol for protocol in allotted.values() if protocol not in spoken)
    protocols = {name: protocol if protocol in spoken else DEFAULT for name, protocol in allotted.items()}
    controllers = [device_id for device_id, protocol in protocols.items() if protocol == "modbus"]
    dead = dead_units(controllers, scenario.modbus, seed)
    return Casting(protocols, missing, seats(controllers, scenario.modbus.units, dead), _fittings(source))


def _fittings(source: Source) -> Callable[[str], Fitting]:
    plans = source.plans if isinstance(source, City) else {}

    def fitting(device_id: str) -> Fitting:
        phone, edition = phone_of(device_id), edition_of(device_id)
        own = plans.get(device_id)
        if own is None:
            return Fitting(phone, edition)
        return Fitting(phone, edition, f"鄂AH{number_of(device_id):04d}", own.vehicle_type.tank_l)

    return fitting
