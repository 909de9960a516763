"""The page docs/api.md says what the hub does: every request is made, every answer compared."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from inspect import signature
from pathlib import Path

import pytest

from api.gatekeeper import Throttle
from api.passwords import hashed
from api.ports.posting import PostLimits
from api.routes.fleet_entry import MAX_BYTES
from devices.access import Role
from devices.people import IDLE_US, PersonSpec
from hub.incidents.settings import IncidentsSection
from store.access.people import People
from store.writing import WriteSession
from tests.posting import posting

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```sh\n(.*?)^```\n\n^```json\n(.*?)^```$", PAGE, re.M | re.S)


async def test_every_example_is_answered_as_the_page_says(postgres_dsn: str, tmp_path: Path) -> None:
    assert len(EXAMPLES) == PAGE.count("```sh") == PAGE.count("```json")
    for tool in ("curl", "jq"):
        if shutil.which(tool) is None:
            pytest.fail(f"{tool} is not installed: `make test` installs it, or apt-get install {tool}")
    async with posting(postgres_dsn, tmp_path) as post:
        digest = await asyncio.to_thread(hashed, "correct horse battery staple")
        wang = PersonSpec(name="wang", display_name="Wang Jianguo", role=Role.DISPATCHER)
        await People(WriteSession(post.hub._pool)).create(wang, digest, actor="test")
        for name in ("bin-0041", "bin-0042", "bin-0043"):
            post.sql("INSERT INTO devices (id, kind, status) VALUES (%s, 'bin', 'active')", name)
        keys = {"HUB": post.url, "KEY": await post.key("viewer"), "DISPATCHER_KEY": await post.key("dispatcher")}
        for script, expected in EXAMPLES:
            process = await asyncio.create_subprocess_exec(
                "bash", "-c", script.replace('curl "', 'curl -sS "'), env=keys | {"PATH": "/usr/bin:/bin"},
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            output, _ = await process.communicate()
            assert process.returncode == 0, script
            assert json.loads(output) == json.loads(expected), script


def test_what_the_page_says_in_figures() -> None:
    limits = PostLimits()
    throttle = {name: part.default for name, part in signature(Throttle).parameters.items()}
    plain = " ".join(PAGE.split())
    for figure in (
        f"for {IDLE_US // 60_000_000} minutes after its last use",
        f"{throttle['burst']} at once, then one each {throttle['recovery_s']:g} s",
        f"| {limits.waiting}, of one key or person {limits.waiting_per_key} |",
        f"{limits.body_bytes} bytes; files of the fleet {MAX_BYTES >> 20} MiB, "
        f"photos {IncidentsSection().max_photo_mib:g} MiB",
    ):
        assert figure in plain, figure
