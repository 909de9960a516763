"""The page docs/protocols/http.md says what the hub does: every curl is run against one, every answer compared."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from inspect import signature
from pathlib import Path

import pytest

from api.gatekeeper import FRESH_S, Throttle
from api.models.writes import MAX_TEXT
from api.ports.posting import PostLimits
from api.routes.uplinks import MAX_QUERY
from devices.access import Role
from hub.settings.intake import IntakeSection
from ingest.adapters.http_json import NAME, HttpSection
from ingest.wire.native.form import MAX_MESSAGES
from tests.posting import posting

PAGE = (Path(__file__).parents[2] / "docs" / "protocols" / "http.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```sh\n(.*?)^```\n\n^```json\n(.*?)^```$", PAGE, re.M | re.S)


async def test_every_example_is_answered_as_the_page_says(postgres_dsn: str, tmp_path: Path) -> None:
    assert len(EXAMPLES) == PAGE.count("```sh") == PAGE.count("```json")
    if shutil.which("curl") is None:
        pytest.fail("curl is not installed: `make test` installs it, or apt-get install curl")
    async with posting(postgres_dsn, tmp_path) as post:
        keys = {
            "HUB": post.url,
            "KEY": await post.key("integration"),
            "DEVICE_KEY": await post.key("device", device="bin-0042"),
            "DISPATCHER_KEY": await post.key("dispatcher"),
        }
        for script, expected in EXAMPLES:
            process = await asyncio.create_subprocess_exec(
                "bash", "-c", script.replace("curl ", "curl -sS ", 1), env=keys | {"PATH": "/usr/bin:/bin"},
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            output, _ = await process.communicate()
            assert process.returncode == 0, script
            assert json.loads(output) == json.loads(expected), script
        accepted = sum(json.loads(expected).get("accepted", 0) for _, expected in EXAMPLES)
        assert post.hub.pipeline.stats.rows >= accepted
        assert len(post.letters()) == 2


def test_what_the_page_says_in_figures() -> None:
    section, limits = HttpSection(), PostLimits()
    plain = " ".join(PAGE.replace(",", "").split())
    throttle = {name: part.default for name, part in signature(Throttle).parameters.items()}
    for figure in (
        f"called `{NAME}`",
        f"an array of 1 to {MAX_MESSAGES} as",
        f"`intake.max_payload_bytes` | {IntakeSection().max_payload_bytes} bytes",
        f"in one array | | {MAX_MESSAGES} |",
        f"`http.body_within_s` | {section.body_within_s:g} s",
        f"`http.answer_within_s` | {section.answer_within_s:g} s",
        f"`http.max_waiting` | {section.max_waiting} |",
        f"`http.max_waiting_per_key` | {section.max_waiting_per_key} |",
        f"| {throttle['burst']} at once then one each {throttle['recovery_s']:g} s |",
        f"within {FRESH_S:g} s",
        f"(1 to {MAX_TEXT} characters)",
        f"| {MAX_QUERY} characters |",
    ):
        assert figure in plain, figure
    assert limits == PostLimits(
        IntakeSection().max_payload_bytes, section.body_within_s, section.max_waiting, section.max_waiting_per_key
    )


def test_every_role_is_there() -> None:
    table = PAGE.partition("| role |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == [role.value for role in Role]
