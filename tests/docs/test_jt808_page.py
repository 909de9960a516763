"""The page docs/protocols/jt808.md says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from hub.commands.decode import answers
from hub.decoding.decoding import Options
from hub.decoding.decoding import discover as decodings
from ingest.adapters.jt808.settings import Jt808Listener, Jt808Section
from ingest.adapters.jt808.terminals import ANSWER_S
from ingest.transports.tcp import TcpLimits
from ingest.wire.jt808.alarms import ALARMS, ALARMS_2019
from ingest.wire.jt808.frames import MAX_ESCAPED, MIN_FRAME
from ingest.wire.jt808.header import LENGTH
from ingest.wire.jt808.messages import FILED, is_answer
from ingest.wire.jt808.parts import PartLimits
from ingest.wire.jt808.session import Gate

PAGE = (Path(__file__).parents[2] / "docs" / "protocols" / "jt808.md").read_text("utf-8")


def test_the_table_of_alarms() -> None:
    found = {
        int(bit): kind
        for bit, kind in re.findall(r"(\d+) \| `([a-z_]+)`", PAGE.partition("## Alarms")[2].partition("## Time")[0])
    }
    assert found == {**ALARMS, **ALARMS_2019}


def test_the_table_of_messages() -> None:
    table = re.search(r"^\| message .*?\n\n", PAGE, re.M | re.S)
    assert table is not None
    rows = table[0].splitlines()
    kept = {int(number, 16) for row in rows if "after the commit" in row for number in re.findall(r"0x\w{4}", row[:40])}
    assert kept == FILED
    (answers,) = (row for row in rows if "answers |" in row and "none" in row)
    assert all(is_answer(int(number, 16)) for number in re.findall(r"0x\w{4}", answers))


@pytest.mark.parametrize(("line", "printed"), re.findall(r"^\$ echo (\S+) \| .*\n(.*)$", PAGE, re.M))
def test_what_the_console_shows(line: str, printed: str) -> None:
    (told,) = answers([line.encode()], decodings()["jt808"].teller(Options()))
    assert told == json.loads(printed)


def test_figures() -> None:
    plain = " ".join(PAGE.replace(",", "").split())
    limits, parts, gate = TcpLimits(), PartLimits(), Gate(b"")
    section = Jt808Section(name="x")
    assert section.listener(lambda: b"").limits == limits
    assert section.listener(lambda: b"").in_flight == Jt808Listener("x", gate).in_flight
    for figure in (
        f"| {limits.connections} | `max_connections`",
        f"| {limits.per_address} | `max_connections_per_address`",
        f"| {limits.idle_s:g} s | `idle_s`",
        f"| {limits.newcomer_s:g} s | `unauthenticated_s`",
        f"| {section.max_in_flight} | `max_in_flight`",
        f"| {limits.chunk_bytes // 1024} KiB |",
        f"| {limits.unsent_bytes // 1024} KiB then",
        f"at most {parts.messages} messages {parts.parts} parts and {parts.bytes // 1024} KiB",
        f"not longer than {parts.age // 1_000_000} s",
        f"up to {gate.phones} terminals",
        f"within {ANSWER_S:g} s",
        f"shorter than {MIN_FRAME} bytes",
        f"more than {MAX_ESCAPED} bytes",
        f"longer than {LENGTH - 1} bytes ({LENGTH - 2} in 2019)",
    ):
        assert figure in plain, figure


def test_examples_are_what_they_say() -> None:
    import tomllib

    (settings,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.M | re.S)
    section = Jt808Section(**tomllib.loads(settings)["jt808"][0])
    assert len(section.switches()) == 2
    (devices,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)
    assert yaml.safe_load(devices)[0]["identities"] == ["jt808_phone:013800138000"]
