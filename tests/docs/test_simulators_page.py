"""What the page of the simulators says about identities and options is what they are."""

from __future__ import annotations

import re
from pathlib import Path

import typer
import yaml

from hub import cli
from simulators.scenario import parse_scenario
from simulators.speakers.identities import identities
from simulators.speakers.jt808_frames import INPUTS

PAGE = (Path(__file__).parents[2] / "docs" / "simulators.md").read_text("utf-8")


def test_the_identities_of_the_table() -> None:
    examples = {"jt808": "vehicle-0042", "nmea-tcp": "vehicle-0042", "chirpstack": "bin-0042"}
    for protocol, device_id in examples.items():
        ((scheme, value),) = identities(protocol, device_id)
        assert f"`{scheme}:{value}`" in PAGE


def test_the_example_is_a_scenario() -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.S)
    assert found is not None
    scenario = parse_scenario({"name": "page", **yaml.safe_load(found[1])})
    assert scenario.speakers["vehicle"]["jt808"] == 0.6


def test_the_options_exist() -> None:
    command = typer.main.get_command(cli.program()).commands["simulate"]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert set(re.findall(r"`(--[a-z][a-z0-9-]+)", PAGE)) <= known


def test_the_work_signals() -> None:
    for item, bit in INPUTS.values():
        assert f"`{item:02x}.{bit}`" in PAGE
