"""A board, and the JSON that Grafana reads of it: panels on the grid, variables, annotations, links to its like."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.parts.marks import Mark, marked
from dashboards.parts.scene import BOARD_VARIABLE, Scene
from dashboards.parts.variables import live_board
from dashboards.parts.words import FOLDER, Words

__all__ = ["Board", "Row", "Scene", "made"]

WIDTH = 24  #: of Grafana's grid
TAG = "sanihub"


class Row(NamedTuple):
    """Panels from left to right, under a title or none; they go on in a next line where 24 columns are full."""

    title: Words | None
    panels: Sequence[models.Panel]


class Board(NamedTuple):
    """A board. ``topic`` is part of its uid, ``place`` is where it stands in lists, ``since`` the span at first."""

    topic: str
    place: int
    title: Words
    about: Words
    rows: Callable[[Scene], Sequence[Row]]
    variables: Callable[[Scene], Sequence[build.QueryVariable]]
    marks: tuple[Mark, ...] = ()
    since: str = "now-24h"
    refresh: str = "1m"

    def uid(self, language: str) -> str:
        """Stable for a board and a language: links and bookmarks hold."""
        return f"sanihub-{self.topic}-{language}"


def made(board: Board, scene: Scene) -> dict[str, Any]:
    """``uid``, ``title``, ``folder`` and ``dashboard``: the JSON as a file or the API takes it."""
    uid, title, folder = board.uid(scene.language), scene.said(board.title), scene.said(FOLDER)
    begun = build.Dashboard(title).uid(uid).description(scene.said(board.about)).tags([TAG, f"lang:{scene.language}"])
    begun.time(board.since, "now").refresh(board.refresh).timezone("browser").week_start("monday").editable()
    begun.tooltip(models.DashboardCursorSync.CROSSHAIR).version(1)
    held = [live_board(scene)] if scene.board_address else []
    begun.variables([*board.variables(scene), *held])
    begun.annotations([marked(scene, mark) for mark in board.marks])
    begun.links(_links(scene))
    built = begun.build()
    built.panels = placed(scene, board.rows(scene))
    dashboard = json.loads(json.dumps(built, cls=JSONEncoder))
    return {"uid": uid, "title": title, "folder": folder, "dashboard": _shown(dashboard)}


def placed(scene: Scene, rows: Sequence[Row]) -> list[models.Panel | models.RowPanel]:
    """The panels on the grid, line by line, numbered from 1 on."""
    found: list[models.Panel | models.RowPanel] = []
    below = 0
    for row in rows:
        if row.title is not None:
            where = models.GridPos(h=1, w=WIDTH, x=0, y=below)
            found.append(models.RowPanel(title=scene.said(row.title), id_val=len(found) + 1, grid_pos=where))
            below += 1
        left = tall = 0
        for panel in row.panels:
            assert panel.grid_pos is not None
            if left + panel.grid_pos.w > WIDTH:
                left, below, tall = 0, below + tall, 0
            panel.grid_pos.x, panel.grid_pos.y, panel.id_val = left, below, len(found) + 1
            left, tall = left + panel.grid_pos.w, max(tall, panel.grid_pos.h)
            found.append(panel)
        below += tall
    return found


def _links(scene: Scene) -> list[Builder[models.DashboardLink]]:
    """The boards of this language in a list, and the live board beside it."""
    others = build.DashboardLink(scene.said(Words("看板", "Boards"))).type(models.DashboardLinkType.DASHBOARDS)
    others.tags([TAG, f"lang:{scene.language}"]).as_dropdown(True).keep_time(True).include_vars(True)
    found: list[Builder[models.DashboardLink]] = [others]
    if scene.board_address:
        live = build.DashboardLink(scene.said(Words("实时看板", "Live board"))).type(models.DashboardLinkType.LINK)
        found.append(live.url(f"${{{BOARD_VARIABLE}:raw}}/").icon("external link").target_blank(True))
    return found


def _shown(dashboard: dict[str, Any]) -> dict[str, Any]:
    """Without what the SDK adds by itself.

    It puts all links and annotations into a menu, which nobody would look into, gives every variable the settings of
    intervals, which Grafana's types know of no other, and every table a footer, which they know no more.
    """
    for one in (*dashboard.get("links", ()), *dashboard.get("annotations", {}).get("list", ())):
        one.pop("placement", None)
    for one in dashboard["templating"]["list"]:
        for name in ("auto", "auto_min", "auto_count"):
            one.pop(name, None)
    for panel in dashboard["panels"]:
        if panel["type"] == "table":
            panel["options"].pop("footer", None)
    return dashboard
