"""The section ``[[jt808]]``: what it refuses, and what the adapter is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from devices.errors import ConfigError
from hub.secret import kept_secret
from hub.settings.settings import load
from ingest.adapters.jt808.settings import Jt808Section
from ingest.wire.jt808.alarms import Input


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"inputs": {"30.1": "pto"}}, "'30.1' is no bit of an item"),
        ({"inputs": {"2a.16": "pto"}}, "'2a.16' is no bit of an item"),
        ({"inputs": {"2a": "pto"}}, "'2a' is no bit of an item"),
        ({"inputs": {"2a.0": "fuel_l"}}, "'fuel_l' is no metric of 0 and 1"),
        ({"inputs": {"2a.0": "winch"}}, "'winch' is no metric of 0 and 1"),
        ({"secret": "short"}, "at least 16"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(jt808=({"name": "vehicles", **fields},))


def test_names_differ() -> None:
    with pytest.raises(ConfigError, match="jt808: two connections have the same name"):
        load(jt808=({"name": "a"}, {"name": "a"}))


def test_what_the_adapter_is_given() -> None:
    section = Jt808Section(name="sweepers", inputs={"2a.0": "brush", "25.14": "pto"}, max_connections=5)
    assert section.switches() == (Input(0x2A, 0, "brush"), Input(0x25, 14, "pto"))
    listener = section.listener(lambda: b"the hub's own")
    assert (listener.gate.secret, listener.limits.connections) == (b"the hub's own", 5)
    own = Jt808Section(name="sweepers", secret="a secret of its own")  # type: ignore[arg-type]
    assert own.listener(lambda: b"the hub's own").gate.secret == b"a secret of its own"


def test_the_hubs_secret_is_drawn_once(tmp_path: Path) -> None:
    drawn = kept_secret(tmp_path)
    assert len(drawn) == 32
    assert kept_secret(tmp_path) == drawn
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]
