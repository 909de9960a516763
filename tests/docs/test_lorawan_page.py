"""The page docs/protocols/lorawan.md says what the code does."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from hub.decoding.decoding import Options
from hub.decoding.decoding import discover as decodings
from ingest.adapters.lorawan import chirpstack, loriot, thingpark, tts
from ingest.adapters.lorawan.server import LoraSection
from ingest.echoes import COPIES_APART
from ingest.wire.lorawan.fields import MAX_PAYLOAD_BYTES
from store.telemetry.forgetting import Keeping

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "protocols" / "lorawan.md").read_text("utf-8")
SECTIONS: dict[str, type[LoraSection]] = {
    "chirpstack": chirpstack.ChirpstackSection,
    "tts": tts.TtsSection,
    "loriot": loriot.LoriotSection,
    "thingpark": thingpark.ThingparkSection,
}


@pytest.mark.parametrize("protocol", SECTIONS)
def test_the_table_of_servers(protocol: str) -> None:
    (row,) = re.findall(rf"^\| `{protocol}` \|.*$", PAGE, re.M)
    topics = SECTIONS[protocol](name="x", broker="y").filters()
    assert topics[0] in row if topics else "none: say `topics`" in row
    assert f"`POST /api/v1/uplinks/{protocol}`" in row


@pytest.mark.parametrize("text", re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S))
def test_settings_that_it_shows_are_accepted(text: str) -> None:
    document = tomllib.loads(text)
    for name, section in SECTIONS.items():
        for fields in document.get(name, ()):
            section(**fields)


@pytest.mark.parametrize(
    ("line", "server", "model", "printed"),
    re.findall(r"^\$ echo '(.*)' \| sanihub decode (\w+) --model (\S+)\n(.*)$", PAGE, re.M),
)
def test_what_the_console_shows(line: str, server: str, model: str, printed: str) -> None:
    teller = decodings()[server].teller(Options(model=model))
    assert teller(line.encode()) == json.loads(printed)  # type: ignore[operator]


def test_figures() -> None:
    decision = (DOCS / "adr" / "0010-copies-of-one-message.md").read_text("utf-8")
    seconds = COPIES_APART // 1_000_000
    assert PAGE.count(f"{seconds} s") == 2
    assert f"**{seconds} s** apart" in decision
    assert f"kept for {Keeping().echoes_days} days" in decision
    assert f"more than {MAX_PAYLOAD_BYTES:,} bytes" in PAGE
