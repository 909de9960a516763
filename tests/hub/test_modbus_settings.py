"""The ``[[modbus]]`` sections, and what a hub makes of them before it touches the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from devices.errors import ConfigError
from devices.metrics import Catalogue
from devices.vocabulary import Frame
from hub.protocols import connections, decoders
from hub.settings.settings import Settings, load
from ingest.adapters.modbus.plugin import NAME, ModbusBus
from ingest.adapters.modbus.settings import ModbusSection
from ingest.plugin import Tools, Wiring
from ingest.transports.modbus.bus import BusSettings
from ingest.transports.modbus.link import Line
from ingest.wire.modbus.poll import Block, Poll, payload_of
from tests.hub.cli_runner import write
from tests.modbus import map_file

UNIT = {"unit": 1, "device": "toilet-01", "map": "toilet-controller"}
TCP: dict[str, Any] = {"name": "a", "kind": "tcp", "units": [UNIT]}
MINE = "title: Mine\nkind: bin\ngroups: {g: {function: 4, points: [{address: 0, type: u16, metric: fill_pct}]}}"


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(inner) for inner in value) + "]"
    return repr(value)


def loaded(tmp_path: Path, *given: dict[str, Any]) -> Settings:
    text = "".join("[[modbus]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in one.items()) for one in given)
    return load(write(tmp_path / "sanihub.toml", text))


def wiring(tmp_path: Path) -> Wiring:
    class Nothing:
        healthy = has_room = True

        def offer(self, frame: Frame, delivery: object) -> None: ...

        def on_room(self, listener: object) -> None: ...

    return Wiring(Nothing(), lambda frame: None, lambda: b"", tmp_path, Tools(Catalogue()))  # type: ignore[arg-type]


def test_a_section_as_the_bus_sees_it() -> None:
    section = ModbusSection(**TCP, host="10.0.0.7", timeout_s=0.2)
    assert section.bus() == BusSettings(Line("tcp", "10.0.0.7", 502), 0.2, 0.2, 2)
    assert section.bus().line.place == "tcp 10.0.0.7:502"
    line = ModbusSection(**{**TCP, "kind": "rtu"}, path="/dev/ttyUSB0", baud=2_400, parity="E").bus().line
    assert line.place == "rtu /dev/ttyUSB0"
    assert line.silence_s == pytest.approx(3.5 * 11 / 2_400)
    assert line.transfer_s(60) == pytest.approx(133 * 11 / 2_400)
    assert ModbusSection(**{**TCP, "kind": "rtu-over-tcp"}).bus().line.transfer_s(60) == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({**TCP, "kind": "rtu"}, "path: needed by the kind rtu"),
        ({**TCP, "kind": "ascii"}, "kind"),
        ({**TCP, "units": []}, "units"),
        ({**TCP, "speed": 9600}, "speed"),
        ({**TCP, "units": [{**UNIT, "unit": 256}]}, "unit"),
        ({**TCP, "units": [{**UNIT, "device": "-x"}]}, "device"),
        ({**TCP, "units": [UNIT, {**UNIT, "device": "b"}]}, r"units\[1\].unit: 1 stands twice"),
        ({**TCP, "units": [UNIT, {**UNIT, "unit": 2}]}, r"units\[1\].device: toilet-01 stands twice"),
        ({**TCP, "kind": "rtu-over-tcp", "units": [{**UNIT, "unit": 0}]}, "expected 1 to 247 on a line, got 0"),
    ],
)
def test_what_is_refused(tmp_path: Path, given: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        loaded(tmp_path, given)


def test_two_buses_have_two_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="modbus: two connections have the same name"):
        loaded(tmp_path, TCP, TCP)


def test_a_map_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    settings = loaded(tmp_path, {**TCP, "units": [{**UNIT, "map": "toilet"}]})
    with pytest.raises(ConfigError, match="modbus a: map: no register map is named 'toilet'; known: compactor, sdm120"):
        decoders(settings, Tools(Catalogue()))
    with pytest.raises(ConfigError, match="modbus a: map"):
        connections(settings, wiring(tmp_path))


def test_a_faulty_map_ends_the_start(tmp_path: Path) -> None:
    folder = map_file(tmp_path, "mine", MINE.replace("u16", "u17"))
    settings = loaded(tmp_path, {**TCP, "maps": str(folder), "units": [{**UNIT, "map": "mine"}]})
    with pytest.raises(ConfigError, match=r"modbus a: map .*/mine.yaml: groups.g.points\[0\].type: expected one of"):
        decoders(settings, Tools(Catalogue()))


def test_each_section_has_its_own_maps_and_kinds(tmp_path: Path) -> None:
    folder = map_file(tmp_path, "mine", MINE)
    mine = {"name": "b", "kind": "tcp", "maps": str(folder), "units": [
        {"unit": 1, "device": "bin-1", "map": "mine"},
        {"unit": 2, "device": "bin-2", "map": "mine", "device_kind": "station"},
    ]}  # fmt: skip
    settings = loaded(tmp_path, TCP, mine)
    decode = decoders(settings, Tools(Catalogue()))[NAME]
    payload = payload_of(Poll("mine", 1, 1, (Block(4, 0, (50,)),)))
    kinds = []
    for device in ("bin-1", "bin-2"):
        (uplink,) = decode(Frame(NAME, "b", f"{device}/x:502/1", payload, 0)).uplinks
        kinds.append(uplink.kind)
        assert dict(uplink.readings) == {"fill_pct": 50.0}
    assert kinds == ["bin", "station"]
    first, second = connections(settings, wiring(tmp_path))
    assert (first.name, second.name) == ("modbus a", "modbus b")
    assert isinstance(first, ModbusBus)
    assert first.standing().title == "Modbus a"
    assert first.standing().figures == ()
