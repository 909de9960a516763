"""The boards against Grafana's own types, which it publishes for TypeScript: no field that it does not know."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dashboards import LANGUAGES, boards
from tests.timescale_server import _node

FOLDER = Path(__file__).parents[1] / "grafana"
BOARDS = {board["uid"]: board["dashboard"] for lang in LANGUAGES for board in boards(lang, "https://hub.example")}


def _typed(dashboard: dict[str, Any]) -> str:
    """The board, and the parts of its panels that Grafana leaves open there, each as a literal of its type."""
    lines = [f"export const board: Dashboard = {json.dumps(dashboard, ensure_ascii=False)};"]
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            continue
        kind = f'Panels["{panel["type"]}"]'
        targets = json.dumps(panel["targets"], ensure_ascii=False)
        lines.append(f"export const targets{panel['id']}: Target[] = {targets};")
        custom = panel["fieldConfig"]["defaults"].get("custom", {})
        lines.append(f'export const options{panel["id"]}: {kind}["options"] = {json.dumps(panel["options"])};')
        lines.append(f'export const custom{panel["id"]}: {kind}["custom"] = {json.dumps(custom)};')
    return "\n".join(('import type { Dashboard, Panels, Target } from "./types";', *lines, ""))


def _checked(folder: Path, files: dict[str, str]) -> str:
    """What the compiler says of these files, in a folder beside the types."""
    if not (FOLDER / "node_modules").is_dir():
        pytest.fail("tests/grafana/node_modules is missing: `make test` installs it")
    (folder / "node_modules").symlink_to(FOLDER / "node_modules")
    for name in ("types.ts", "tsconfig.json"):
        (folder / name).write_text((FOLDER / name).read_text("utf-8"), "utf-8")
    for name, text in files.items():
        (folder / f"{name}.ts").write_text(text, "utf-8")
    command = [_node(), str(FOLDER / "node_modules" / "typescript" / "bin" / "tsc"), "-p", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False).stdout


def test_every_board_is_of_grafanas_types(tmp_path: Path) -> None:
    assert _checked(tmp_path, {uid: _typed(dashboard) for uid, dashboard in BOARDS.items()}) == ""


def test_a_field_that_grafana_does_not_know_is_found(tmp_path: Path) -> None:
    board = BOARDS["sanihub-bins-en"]
    figure = next(place for place, panel in enumerate(board["panels"]) if panel["type"] == "stat")
    chart = next(place for place, panel in enumerate(board["panels"]) if panel["type"] == "geomap")
    wrong = [json.loads(json.dumps(board)) for _ in range(3)]
    wrong[0]["timeZone"] = "utc"
    wrong[1]["panels"][figure]["options"]["graphMode"] = "sparkles"
    wrong[2]["panels"][chart]["options"]["view"]["zooom"] = 3
    told = _checked(tmp_path, {f"wrong{place}": _typed(one) for place, one in enumerate(wrong)})
    for fault in ("'\"timeZone\"' does not exist", "'\"zooom\"' does not exist", "'\"sparkles\"' is not assignable"):
        assert fault in told, told
