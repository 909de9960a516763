"""The ``[[nmea]]`` sections, and the hub that opens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from devices.errors import ConfigError
from devices.metrics import Catalogue
from devices.rates import Rate
from devices.vocabulary import Frame
from hub.protocols import decoders
from hub.settings.settings import Settings, load
from ingest.adapters.nmea.plugin import TRANSPORTS
from ingest.adapters.nmea.settings import NmeaSection
from ingest.adapters.nmea.stream import NAME, Source
from ingest.plugin import Tools
from ingest.transports.lines.stream import LineBounds
from tests.hub.cli_runner import write
from tests.nmea import rmc

TCP = {"name": "a", "kind": "tcp-server", "port": 10110}


def test_a_section_as_adapter_and_transport_see_it() -> None:
    section = NmeaSection(**TCP, device="truck-07", checksum_required=False, max_peers=7, flush_after_s=1)
    assert section.source() == Source("a", "auto", "truck-07", "vehicle", False)
    assert section.bounds() == LineBounds(1, 300, 7, 100, Rate(65_536, 655_360))
    assert Settings(nmea=(section,)).nmea == (section,)


def test_every_kind_has_a_transport() -> None:
    assert set(TRANSPORTS) == set(NmeaSection.model_fields["kind"].annotation.__args__)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([{"name": "a", "kind": "udp"}], "port: needed by the kind udp"),
        ([{"name": "a", "kind": "serial", "device": "v"}], "path: needed by the kind serial"),
        ([{"name": "a", "kind": "file", "path": "x"}], "device: the kind file has no peer address"),
        ([{**TCP, "device": "-x"}], "device"),
        ([{**TCP, "prot": 1}], "prot"),
        ([{**TCP, "kind": "pigeon"}], "kind"),
        ([TCP, TCP], "nmea: two connections have the same name"),
    ],
)
def test_what_is_refused(tmp_path: Path, given: list[dict[str, Any]], says: str) -> None:
    text = "".join("[[nmea]]\n" + "".join(f"{key} = {value!r}\n" for key, value in one.items()) for one in given)
    with pytest.raises(ConfigError, match=says):
        load(write(tmp_path / "sanihub.toml", text))


def test_the_decoder_knows_the_sections() -> None:
    section = NmeaSection(**TCP, device_kind="station", checksum_required=False)
    decoder = decoders(Settings(nmea=(section,)), Tools(Catalogue()))[NAME]
    (uplink,) = decoder(Frame(NAME, "a", "id/x/10.0.0.7", rmc(1)[:-3].encode(), 0)).uplinks
    assert uplink.kind == "station"
