"""The page of the live stream shows what the hub sends."""

import json
import re
from pathlib import Path
from typing import Any

from api.live.events import told
from api.live.limits import LiveLimits
from api.live.newest import bare
from api.live.place import read_place
from api.params.live import LiveQuery
from devices.live import LiveAlert, LiveDevice, LiveIncident, LiveOrder

PAGE = (Path(__file__).parents[2] / "docs" / "live.md").read_text("utf-8")


def examples() -> dict[str, dict[str, Any]]:
    """The first item of each event on the page, by its name."""
    (block,) = re.findall(r"^```\n(id: .*?)^```$", PAGE, re.M | re.S)
    found = re.findall(r"^id: (\S+)\nevent: (\w+)\ndata: (.*)\n$", block, re.M)
    assert all(read_place(place) for place, _, _ in found)
    return {event: json.loads(data)[f"{event}s"][0] for _, event, data in found}


def test_the_examples_have_the_fields_that_are_sent() -> None:
    shown = examples()
    alert = LiveAlert(
        1, "raised", 0, "hub", "raised", "d", "bin", "", "r", "", "info", 0, None, None, None, None, False
    )
    order = LiveOrder("o", "collect", "sent", "v", None, "p", 0, 0, 0, "x")
    incident = LiveIncident(
        1, "reported", 0, "x", "r", "spill", "reported", "", 0.0, 0.0, None, "", None, None, 0, None, 0, "x", "x", None,
        None, None, 0, 0,
    )  # fmt: skip
    sent = {
        "device": bare(LiveDevice("d", "bin")) | {"readings": {}},
        "alert": told([alert])[0],
        "order": told([order])[0],
        "incident": told([incident])[0],
    }
    assert {event: list(item) for event, item in shown.items()} == {event: list(item) for event, item in sent.items()}


def test_every_filter_and_every_event_is_described() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.M))
    assert rows == set(LiveQuery.model_fields) | {"hello", "device", "alert", "order", "incident", "resync"}


def test_the_bounds_are_those_of_the_hub() -> None:
    limits = LiveLimits()
    numbers = set(re.findall(r"\d[\d,]*", PAGE))
    for bound in (limits.readers, limits.readers_each, limits.devices, limits.items, int(limits.patience_s)):
        assert f"{bound:,}" in numbers
    assert limits.lifetime_s == 15 * 60
