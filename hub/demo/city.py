"""The city of a demo: who of it speaks what, and the connections of the hub that this takes.

Everything is on loopback. Ports are free ones: the hub's listeners say theirs when they have them, and the simulated
Modbus gateways listen before the hub starts, which must know their ports to poll them.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from devices.errors import ConfigError
from devices.vocabulary import Identity
from fleet.master.collection import Master
from hub.bootstrap import Hub
from hub.city_master import master_of
from ingest.plugin import discover
from simulators.casting import Peers, cast
from simulators.city import City, registry
from simulators.scenario import Scenario
from simulators.source import make_source
from simulators.speakers.http_json import HttpAddress
from simulators.speakers.jt808_frames import INPUTS
from simulators.speakers.lines import Peer
from simulators.truth import nowhere
from store.telemetry.devices_table import DeviceSpec

NAME = "city"
LOOPBACK = "127.0.0.1"
MAP = "toilet-controller"
MANY = 50_000  #: connections from one address, for the whole city is at one


class DemoCity:
    """The devices of a scenario, and how the hub hears them. Call :meth:`close` at the end."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._source = make_source(scenario, seed, 0, nowhere())
        self._known = frozenset(discover())
        usual = scenario.intervals
        self._intervals = {  # the longest between two reports of a device that is on duty
            **{"vehicle": usual.vehicle_still_s, "worker": usual.worker_s},
            **{"bin": usual.bin_s, "toilet": usual.toilet_s},
        }
        self.casting = cast(scenario, self._source, seed, self._possible())
        self._gateways = [socket.create_server((LOOPBACK, 0)) for _ in range(self.casting.gateways)]

    def close(self) -> None:
        """Give the ports of the gateways back."""
        for gateway in self._gateways:
            gateway.close()

    def settings(self) -> dict[str, Any]:
        """The sections of the hub's settings that the city asks for."""
        spoken = frozenset(self.casting.protocols.values())
        found: dict[str, Any] = {}
        if "jt808" in spoken:
            inputs = {f"{item:02x}.{bit}": metric for metric, (item, bit) in INPUTS.items()}
            found["jt808"] = [
                {"name": NAME, "host": LOOPBACK, "port": 0, "inputs": inputs, "max_connections_per_address": MANY}
            ]
        found["nmea"] = [
            {
                **{"name": f"{NAME}-{kind}", "kind": setting, "host": LOOPBACK, "port": 0, "identity": "line"},
                **{"max_peers": MANY, "max_per_address": MANY},
            }
            for kind, setting in (("tcp", "tcp-server"), ("udp", "udp"))
            if f"nmea-{kind}" in spoken
        ]
        for server in ("chirpstack", "tts"):
            if server in spoken:
                found[server] = [{"name": NAME, "broker": "embedded"}]
        if self._gateways:
            found["modbus"] = [self._bus(number) for number in range(len(self._gateways))]
        return {setting: sections for setting, sections in found.items() if sections}

    def specs(self) -> list[DeviceSpec]:
        """The devices as an operator would enter them; none of a plain load, whose devices register themselves."""
        if not isinstance(self._source, City):
            return []
        return [
            DeviceSpec(
                entry["id"],
                entry["kind"],
                name=entry["name"],
                attributes=self._attributes(entry),
                identities=tuple(Identity(*pair) for pair in self.casting.identities(entry["id"])),
            )
            for entry in registry.devices(self._source)
        ]

    def master(self, dates: Iterable[date]) -> Master:
        """Routes, places, posts, people, shifts and the plans of these dates; nothing of a plain load."""
        return master_of(self._source, dates) if isinstance(self._source, City) else Master()

    def peers(self, hub: Hub, http: HttpAddress | None = None) -> Peers:
        """Where the hub hears each protocol, once it listens. Raises ConfigError for a listener without a port."""
        spoken = frozenset(self.casting.protocols.values())
        udp = _address(hub, "nmea", "udp") if "nmea-udp" in spoken else None
        return Peers(
            jt808=Peer(*_address(hub, "jt808")) if "jt808" in spoken else None,
            nmea_tcp=Peer(*_address(hub, "nmea", "tcp-server")) if "nmea-tcp" in spoken else None,
            nmea_udp=udp,
            http=http,
            modbus=(lambda _: self._gateways) if self._gateways else None,
            lorawan=self._possible().lorawan,
        )

    def _attributes(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Also how often it reports; of a bin what its sensor measures when it is empty and when it is full."""
        own: dict[str, Any] = dict(entry["attributes"]) | {"report_interval_s": self._intervals[entry["kind"]]}
        return own | (self.casting.geometry(entry["id"]) if entry["kind"] == "bin" else {})

    def _possible(self) -> Peers:
        """What this hub could hear, by its protocols; the addresses stand for some address."""
        some = Peer(LOOPBACK, 0)
        nmea = "nmea" in self._known
        return Peers(
            jt808=some if "jt808" in self._known else None,
            nmea_tcp=some if nmea else None,
            nmea_udp=(LOOPBACK, 0) if nmea else None,
            http=HttpAddress("", "") if "http-json" in self._known else None,
            modbus=self._sockets if "modbus" in self._known else None,
            lorawan={"chirpstack", "tts"} <= self._known,
        )

    def _sockets(self, _: int) -> Sequence[socket.socket]:
        return self._gateways

    def _bus(self, number: int) -> Mapping[str, Any]:
        units = [
            {"unit": seat.unit, "device": device_id, "map": MAP}
            for device_id, seat in self.casting.seats.items()
            if seat.gateway == number
        ]
        port = self._gateways[number].getsockname()[1]
        return {"name": f"{NAME}-{number + 1}", "kind": "tcp", "host": LOOPBACK, "port": port, "units": units}


def _address(hub: Hub, kind: str, way: str = "") -> tuple[str, int]:
    """Where the hub's listener of a protocol is: what it says of itself, ``udp 127.0.0.1:10110``."""
    for standing in (adapter.standing() for adapter in hub.adapters):
        found = re.fullmatch(r"(?:(?P<way>\S+) )?(?P<host>\S+):(?P<port>\d+)", standing.address)
        if standing.kind == kind and found is not None and (found["way"] or "") == way and found["port"] != "0":
            return found["host"], int(found["port"])
    raise ConfigError(f"{kind}: the hub got no port to listen at")
