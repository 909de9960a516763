from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.datum import gcj02_to_wgs84
from devices.errors import ConfigError, SanihubError
from hub.importing.rows import MAX_LINE_BYTES, TextFile, open_table
from tests.hub.cli_runner import invoke, write

ROWS = ("readings", "fixes", "events", "devices", "identities", "device_state", "latest_readings", "dead_letters")


def bring(dsn: str, *argv: object, **env: str) -> Result:
    result = invoke("import", *argv, dsn=dsn, **env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def everything(dsn: str) -> dict[str, list[str]]:
    with psycopg.connect(dsn) as connection:
        return {
            table: sorted(str(row) for row in connection.execute(f"SELECT * FROM {table}".encode())) for table in ROWS
        }


def ask(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return connection.execute(query.encode()).fetchall()


READINGS = """
SELECT d.id, m.name, to_char(observed_at, 'YYYY-MM-DD HH24:MI:SS'), value, received_at = observed_at
  FROM readings r JOIN devices d ON d.key = device_key JOIN metrics m ON m.key = metric_key ORDER BY 1, 3, 2
"""


def test_readings_in_wide_form(postgres_dsn, tmp_path):
    file = write(
        tmp_path / "october.csv",
        "device,time,fill_pct,battery_v\n"
        "bin-1,2026-10-01 08:00:00,10,3.6\n"
        "bin-1,2026-10-01 09:00:00,120,3.5\n"
        "bin-1,gestern,12,3\n"
        "bin-2,2026/10/01 10:00:00,,3.4\n"
        "bin-2,2026-10-01T10:00:00Z,1,2,3\n"
        "bin 2,2026-10-01T10:00:00Z,1,2\n"
        ",2026-10-01T10:00:00Z,1,2\n"
        "bin-2,2031-10-01T10:00:00Z,nan,2\n"
        'bin-2,"2026-10-01T11:00:00Z,1,2\n'
        "bin-2,1790848800,1_0,nan\n",
    )
    result = bring(postgres_dsn, file, "--zone", "Asia/Shanghai")
    assert result.exit_code == 1
    faults = dict(line.removeprefix(f"{file}:").split(": ", 1) for line in result.stderr.splitlines() if line)
    assert set(faults) == {"3", "4", "6", "7", "8", "9", "10", "11"}
    assert faults["3"] == "readings.fill_pct: 120 is outside 0..100 %"
    assert faults["6"] == "expected 4 cells as in the header, got 5"
    assert faults["8"] == "device: missing"
    assert faults["9"] == "time: 2031-10-01T10:00:00Z lies in the future"
    assert "readings.fill_pct" in faults["11"]
    assert "readings.battery_v" in faults["11"]
    assert ask(postgres_dsn, READINGS) == [
        ("bin-1", "battery_v", "2026-10-01 00:00:00", 3.6, True),
        ("bin-1", "fill_pct", "2026-10-01 00:00:00", 10.0, True),
        ("bin-1", "battery_v", "2026-10-01 01:00:00", 3.5, True),
        ("bin-2", "battery_v", "2026-10-01 02:00:00", 3.4, True),
    ]
    before = everything(postgres_dsn)
    assert before["dead_letters"] == []
    bring(postgres_dsn, file, "--zone", "Asia/Shanghai")
    assert everything(postgres_dsn) == before


def test_a_time_without_a_zone_is_refused_with_the_way_out(postgres_dsn, tmp_path):
    file = write(tmp_path / "a.csv", "device,time,fill_pct\nbin-1,2026-10-01 08:00:00,10\n")
    result = bring(postgres_dsn, file)
    assert "has no time zone; name that of the file with --zone Asia/Shanghai" in result.stderr
    assert ask(postgres_dsn, READINGS) == []


def test_an_hour_that_stands_twice_is_nobodys_guess(postgres_dsn, tmp_path):
    rows = "bin-1,2026-10-25 02:30:00,1\nbin-1,2026-03-29 02:30:00,2\nbin-1,2026-10-25 04:30:00,3\n"
    file = write(tmp_path / "a.csv", "device,time,fill_pct\n" + rows)
    result = bring(postgres_dsn, file, "--zone", "Europe/Berlin")
    assert result.stderr.count("clocks change") == 2
    assert [row[2] for row in ask(postgres_dsn, READINGS)] == ["2026-10-25 03:30:00"]


def test_readings_in_long_form_and_kinds(postgres_dsn, tmp_path):
    file = write(
        tmp_path / "a.csv",
        "device;time;metric;value\nx1;2026-10-01T08:00:00Z;fill_pct;10\nx1;2026-10-01T08:00:00Z;nope;1\n"
        "x1;2026-10-01T08:00:00Z;lid_open;true\nx1;2026-10-01T08:00:00Z;fill_pct;\n",
    )
    result = bring(postgres_dsn, file, "--kind", "bin")
    assert "a.csv:3: readings.nope: unknown metric" in result.stderr
    assert "a.csv:5: value: missing" in result.stderr
    assert [row[1::2] for row in ask(postgres_dsn, READINGS)] == [("fill_pct", 10.0), ("lid_open", 1.0)]
    assert ask(postgres_dsn, "SELECT id, kind, status FROM devices") == [("x1", "bin", "pending")]


def test_tracks(postgres_dsn, tmp_path):
    file = write(
        tmp_path / "track.csv",
        "device,time,lat,lon,speed_kmh,datum,fuel_pct,constellations\n"
        "veh-1,2026-10-01T08:00:00Z,31.23,121.47,12.5,gcj02,50,GPS|BDS\n"
        "veh-1,2026-10-01T08:00:10Z,31.24,121.47,,,,\n"
        "veh-1,2026-10-01T08:00:20Z,,,,,49,\n"
        "veh-1,2026-10-01T08:00:30Z,131.24,121.47,,,,\n",
    )
    result = bring(postgres_dsn, file)
    assert "track.csv:5: fix.lat: 131.24 is outside" in result.stderr
    lat, lon = gcj02_to_wgs84(31.23, 121.47)
    assert ask(postgres_dsn, "SELECT lat, lon, speed_kmh, constellations FROM fixes ORDER BY observed_at") == [
        (pytest.approx(lat), pytest.approx(lon), 12.5, "GPS,BDS"),
        (31.24, 121.47, None, None),
    ]
    assert [row[1::2] for row in ask(postgres_dsn, READINGS)] == [("fuel_pct", 50.0), ("fuel_pct", 49.0)]


def test_native_messages(postgres_dsn, tmp_path):
    lines: list[Any] = [
        {"device": "bin-1", "ts": 1790841600, "readings": {"fill_pct": 5}, "events": [{"kind": "emptied"}]},
        {"device": "bin-1", "ts": "2026-10-01 16:01:00", "events": [{"kind": "opened", "ts": "2026-10-01 16:00:30"}]},
        {"device": "bin-1", "readings": {"fill_pct": 5}},
        {"ts": 1790841600, "readings": {"fill_pct": 5}},
        ["device"],
    ]
    text = "\n".join([*(json.dumps(line) for line in lines), "{"])
    file = write(tmp_path / "a.jsonl", text)
    result = bring(postgres_dsn, file, "--zone", "Asia/Shanghai")
    assert [line.split(": ", 1)[1][:20] for line in result.stderr.splitlines() if line] == [
        "ts: missing",
        *["expected an object w"] * 2,
        "not JSON: Input data",
    ]
    events = ask(postgres_dsn, "SELECT kind, to_char(observed_at, 'HH24:MI:SS'), quality FROM events ORDER BY 1")
    assert events == [("emptied", "08:00:00", 0), ("opened", "08:00:30", 0)]


def test_devices_as_csv(postgres_dsn, tmp_path):
    file = write(
        tmp_path / "fleet.csv",
        "\ufeffid,kind,name,status,identities,plate,capacity_l,code\n"
        "veh-1,vehicle,一号车,,imei:861234567890123; jt808_phone:013812345678,沪A12345,6000,007\n"
        "bin-1,,,retired,,,240.5,\n",
    )
    first = bring(postgres_dsn, file)
    assert (first.exit_code, "2 new" in first.stdout) == (0, True)
    assert ask(postgres_dsn, "SELECT id, kind, name, status, attributes FROM devices ORDER BY id") == [
        ("bin-1", "bin", "", "retired", {"capacity_l": 240.5}),
        ("veh-1", "vehicle", "一号车", "active", {"plate": "沪A12345", "capacity_l": 6000, "code": "007"}),
    ]
    assert ask(postgres_dsn, "SELECT scheme, value FROM identities ORDER BY 1, 2") == [
        ("id", "bin-1"),
        ("id", "veh-1"),
        ("imei", "861234567890123"),
        ("jt808_phone", "013812345678"),
    ]
    before = everything(postgres_dsn)
    assert "2 as they were" in " ".join(bring(postgres_dsn, file).stdout.split())
    assert everything(postgres_dsn) == before


def test_devices_as_yaml_change_what_they_name_and_no_more(postgres_dsn, tmp_path):
    write(
        tmp_path / "1.yaml",
        "- {id: veh-1, name: One, identities: {imei: '861', dev_eui: [a1, a2]}, plate: X, axles: 2}\n",
    )
    write(tmp_path / "2.yaml", "devices:\n  - id: veh-1\n    attributes: {axles: 3}\n  - id: veh-2\n")
    bring(postgres_dsn, tmp_path / "1.yaml")
    bring(postgres_dsn, tmp_path / "2.yaml")
    assert ask(postgres_dsn, "SELECT name, attributes FROM devices WHERE id = 'veh-1'") == [
        ("One", {"plate": "X", "axles": 3})
    ]
    # An identity moves with the hardware: given up there, taken here, in one file.
    write(tmp_path / "3.yaml", "- {id: veh-1, identities: ['dev_eui:a1']}\n- {id: veh-2, identities: ['imei:861']}\n")
    assert bring(postgres_dsn, tmp_path / "3.yaml").exit_code == 0
    query = "SELECT id, scheme, value FROM identities JOIN devices ON key = device_key WHERE scheme <> 'id' ORDER BY 1"
    assert ask(postgres_dsn, query) == [("veh-1", "dev_eui", "a1"), ("veh-2", "imei", "861")]


def test_a_person_listing_a_pending_device_admits_it(postgres_dsn, tmp_path):
    telemetry = write(tmp_path / "a.csv", "device,time,fill_pct\nbin-1,2026-10-01T08:00:00Z,10\n")
    bring(postgres_dsn, telemetry)
    bring(postgres_dsn, write(tmp_path / "d.yaml", "- {id: bin-1, kind: bin}\n"))
    assert ask(postgres_dsn, "SELECT status FROM devices") == [("active",)]


def test_of_a_faulty_file_of_devices_nothing_is_written_and_nothing_after_it(postgres_dsn, tmp_path):
    devices = write(
        tmp_path / "d.yaml",
        "- id: bin-1\n- id: 'bin 2'\n  kind: boat\n- id: bin-3\n  status: maybe\n- id: bin-1\n"
        "- id: bin-4\n  name: 7\n  identities: [imei]\n- kind: bin\n- just text\n",
    )
    write(tmp_path / "a.csv", "device,time,fill_pct\nbin-1,2026-10-01T08:00:00Z,10\n")
    result = bring(postgres_dsn, tmp_path / "a.csv", devices)
    assert result.exit_code == 1
    told = [line.removeprefix(f"{devices}:").split(":")[:2] for line in result.stderr.splitlines() if line]
    assert told == [
        ["2", " id"],
        ["3", " kind"],
        ["5", " status"],
        ["6", " id"],
        ["8", " name"],
        ["9", " identities"],
        ["10", " id"],
        ["11", " expected a mapping with the fields of a device"],
    ]
    assert all(not rows for table, rows in everything(postgres_dsn).items())


def test_an_identity_of_another_device_is_told_by_its_line(postgres_dsn, tmp_path):
    bring(postgres_dsn, write(tmp_path / "1.csv", "id,identities\nveh-1,imei:861\n"))
    before = everything(postgres_dsn)
    result = bring(postgres_dsn, write(tmp_path / "2.csv", "id,identities\nveh-9,\nveh-2,imei:861\n"))
    assert result.exit_code == 1
    assert "2.csv:3: identities: imei:861 belongs to veh-1" in result.stderr
    assert everything(postgres_dsn) == before


def test_strangers_when_they_are_kept_out(postgres_dsn, tmp_path):
    file = write(tmp_path / "a.csv", "device,time,fill_pct\nbin-1,2026-10-01T08:00:00Z,10\n")
    for policy in ("quarantine", "reject"):
        result = bring(postgres_dsn, file, SANIHUB_INTAKE__UNKNOWN=policy)
        assert "a.csv:2: device: id:bin-1: no device goes by this identity" in result.stderr
    assert all(not rows for rows in everything(postgres_dsn).values())


def test_a_row_that_the_store_refuses_costs_itself_only(postgres_dsn, tmp_path):
    lines = "".join(f"bin-1,{1_790_841_600 + minute * 60},{minute}\n" for minute in range(20))
    bring(postgres_dsn, write(tmp_path / "d.yaml", "- id: bin-1\n"))
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE readings ADD CONSTRAINT no_five CHECK (value <> 5)")
    result = bring(postgres_dsn, write(tmp_path / "a.csv", "device,time,fill_pct\n" + lines))
    assert "a.csv:7: store: " in result.stderr
    assert ask(postgres_dsn, "SELECT count(*) FROM readings") == [(19,)]


def test_a_dry_run_opens_no_store(tmp_path):
    file = write(
        tmp_path / "a.csv", "device,time,fill_pct\nbin-1,2026-10-01T08:00:00Z,10\nbin-1,2026-10-01T08:00:00Z,x\n"
    )
    result = invoke("import", file, "--dry-run", dsn="postgresql://nobody@127.0.0.1:1/nothing")
    assert result.exit_code == 1
    assert "a.csv:3: readings.fill_pct" in result.stderr
    assert "nothing was written" in result.stdout


def test_faults_are_counted_beyond_those_that_are_shown(tmp_path):
    file = write(tmp_path / "a.csv", "device,time,fill_pct\n" + "bin-1,never,1\n" * 500)
    result = invoke("import", file, "--dry-run", "--max-faults", "3")
    assert result.stderr.count("a.csv:") == 4
    assert "500" in result.stdout


def test_other_encodings(tmp_path, postgres_dsn):
    file = tmp_path / "fleet.csv"
    file.write_bytes("id,name\nveh-1,一号车\n".encode("gb18030"))
    assert "fleet.csv:2: not utf-8; name the encoding" in bring(postgres_dsn, file).stderr
    assert bring(postgres_dsn, file, "--encoding", "gb18030").exit_code == 0
    assert ask(postgres_dsn, "SELECT name FROM devices") == [("一号车",)]


def test_a_folder_with_its_devices_first(postgres_dsn, tmp_path):
    write(tmp_path / "a.csv", "device,time,fill_pct\nbin-1,2026-10-01T08:00:00Z,10\n")
    write(tmp_path / "z.yaml", "- {id: bin-1, kind: bin, name: Corner}\n")
    assert bring(postgres_dsn, tmp_path, SANIHUB_INTAKE__UNKNOWN="quarantine").exit_code == 0
    assert len(ask(postgres_dsn, READINGS)) == 1


@pytest.mark.parametrize(
    ("name", "text", "argv", "says"),
    [
        ("a.csv", "device,time,colour\n", (), "a.csv:1: header: column colour: no metric or field of this name"),
        ("a.csv", "device,fill_pct\n", (), "a.csv:1: header: no column time"),
        ("a.csv", "device,time,lat\n", (), "a.csv:1: header: no column lon"),
        ("a.csv", "device,time,fill_pct,fill_pct\n", (), "column fill_pct stands twice"),
        ("a.csv", "who,when\n", (), "expected the columns id"),
        ("a.csv", "", (), "is empty"),
        ("a.pdf", "x", (), "expected a file of one of these kinds"),
        ("a.yaml", "- id: [\n", (), "a.yaml:2: not YAML"),
        ("a.yaml", "id: bin-1\n", (), "expected a list, or devices: and a list; got id"),
        ("a.yaml", "7\n", (), "expected a list of devices"),
        ("a.csv", "device,time,fill_pct\n", ("--zone", "Mars/Base"), "no time zone is named 'Mars/Base'"),
        ("a.csv", "device,time,fill_pct\n", ("--kind", "boat"), "--kind: expected one of vehicle"),
        ("a.csv", "device,time,fill_pct\n", ("--encoding", "utf-16"), "--encoding: 'utf-16'"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(tmp_path, name, text, argv, says):
    result = invoke("import", write(tmp_path / name, text), "--dry-run", *argv)
    assert isinstance(result.exception, SanihubError)
    assert says in str(result.exception)


def test_a_path_that_is_not_there():
    result = invoke("import", "/nowhere/a.csv", "--dry-run")
    assert isinstance(result.exception, ConfigError)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_below_a_header(tmp_path: Path, body: bytes):
    """Each line that is not blank is a row or a fault, and nothing else happens."""
    file = tmp_path / "a.csv"
    file.write_bytes(b"device,time,fill_pct\n" + body)
    faults: list[int] = []
    rows = [line for line, _ in open_table(TextFile(file)).rows(lambda line, _: faults.append(line))]
    lines = body.split(b"\n")
    full = {
        number for number, line in enumerate(lines, start=2) if line.strip() and line.decode("utf-8", "replace").strip()
    }
    assert set(rows) | set(faults) == full
    assert not set(rows) & set(faults)


def test_a_line_without_an_end_is_not_held(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b"device,time,fill_pct\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\nbin-1,2026-10-01T08:00:00Z,1\n")
    faults: list[int] = []
    rows = list(open_table(TextFile(file)).rows(lambda line, _: faults.append(line)))
    assert ([line for line, _ in rows], faults) == ([3], [2])
