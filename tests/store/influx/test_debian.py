"""The lines, once more, by the parser of a real InfluxDB: Debian's 1.6.7, where it is installed.

It has no `/api/v2/write`; the stand-in forwards what it took to its `/write`. CI does without it.
"""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from store.embedded.vacancy import choose_port
from store.influx.client import InfluxClient
from store.influx.delivery import deliver
from store.influx.lines import Point
from tests.influx_server import influx_server
from tests.influx_stored import section
from tests.servers import Server, running, temporary_folder

AT = 1_795_392_000_123_456
PROGRAM = shutil.which("influxd")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="influxd is not installed: apt-get install influxdb")


class Influxd(Server):
    name = "influxd"

    def __init__(self, folder: Path) -> None:
        self.log = folder / "influxd.log"
        self.port = choose_port("127.0.0.1", folder / "port")
        backup = choose_port("127.0.0.1", folder / "backup-port")
        self._config = folder / "influxdb.conf"
        self._config.write_text(
            f"""reporting-disabled = true
bind-address = "127.0.0.1:{backup}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
[monitor]
store-enabled = false
"""
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def argv(self) -> list[str]:
        return [str(PROGRAM), "-config", str(self._config)]

    def answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/ping", timeout=5) as answer:
            return bool(answer.status == 204)
        return False

    def query(self, text: str) -> Any:
        data = urllib.parse.urlencode({"q": text, "db": "city", "epoch": "u"}).encode()
        with urllib.request.urlopen(f"{self.url}/query", data=data, timeout=30) as answer:
            return json.load(answer)["results"][0]


@pytest.fixture
def influxd() -> Iterator[Influxd]:
    with temporary_folder() as folder, running(Influxd(folder)) as server:
        server.query("CREATE DATABASE city")
        yield server


async def test_a_real_parser_reads_what_the_strict_one_reads(influxd: Influxd) -> None:
    tags = (("ward", "East, 1=x"), ("street", "back\\slash"), ("end", "b\\"), ("zh", "环卫 区"))
    readings = {"fill_pct": 80.5, "tiny": 5e-324, "large": 1.7e308, "whole": 3.0, "quality": 2, "received_us": AT}
    points = [
        Point("readings", "bin-1", AT, readings, tags),
        Point("fixes", "truck:1", AT, {"lat": 30.5, "valid": True, "quality": 0}),
        *(Point("readings", f"bin-{n % 9}", AT + n, {"fill_pct": float(n)}) for n in range(1, 2_000)),
    ]
    with influx_server() as server:
        server.forward = f"{influxd.url}/write?db=city"
        client = InfluxClient(section(server).target())
        assert await deliver(client, [one for one in points if "tiny" not in one.fields]) == []
        client.close()
    # What lies below the smallest normal number is beyond the strict parser, not beyond InfluxDB's.
    from store.influx.lines import encode

    request = urllib.request.Request(f"{influxd.url}/write?db=city&precision=u", data=encode(points[:1]), method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 204
    (series,) = influxd.query(f"SELECT * FROM readings WHERE time = {AT * 1_000}")["series"]
    (row,) = series["values"]
    found = dict(zip(series["columns"], row, strict=True))
    assert {name: found[name] for name in readings} == readings
    assert (found["ward"], found["street"], found["zh"]) == ("East, 1=x", "back\\slash", "环卫 区")
    assert found["time"] == AT
    (counted,) = influxd.query("SELECT count(fill_pct) FROM readings")["series"]
    assert counted["values"][0][1] == 2_000
    kinds = {row[0]: row[1] for row in influxd.query("SHOW FIELD KEYS FROM readings")["series"][0]["values"]}
    assert (kinds["fill_pct"], kinds["whole"], kinds["quality"], kinds["received_us"]) == (
        "float",
        "float",
        "integer",
        "integer",
    )
    (fix,) = influxd.query("SHOW FIELD KEYS FROM fixes")["series"]
    assert dict(fix["values"]) == {"lat": "float", "valid": "boolean", "quality": "integer"}
