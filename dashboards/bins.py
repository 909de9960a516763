"""Bins: which are full, where they stand, which will be full, and how often they were emptied."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import QueryVariable

from dashboards.parts import annotations, looks, variables
from dashboards.parts.board import Board, Row, Scene
from dashboards.parts.panels import figure
from dashboards.parts.scene import live
from dashboards.parts.sql import IN_AREA, IS_DEVICE
from dashboards.parts.words import Words

MINE = f"{IN_AREA} AND {IS_DEVICE}"
FILL = f"FROM boards.latest WHERE metric = 'fill_pct' AND kind = 'bin' AND {MINE}"


def _variables(scene: Scene) -> Sequence[QueryVariable]:
    return variables.area(scene), variables.device(scene, "bin")


def _rows(scene: Scene) -> Sequence[Row]:
    return (
        Row(
            None,
            (
                figure(
                    scene,
                    Words("已满溢（≥95%）", "Overflowing (≥95 %)"),
                    f"SELECT count(*) AS bins {FILL} AND value >= 95",
                    looks.ALARM,
                    loud=True,
                    links=(live("#panel=alerts", "告警列表", "List of alerts"),),
                ),
            ),
        ),
    )


BOARD = Board(
    topic="bins",
    place=2,
    title=Words("垃圾桶", "Bins"),
    about=Words("满溢度、分布与清运。", "How full they are, where, and when they are emptied."),
    rows=_rows,
    variables=_variables,
    marks=annotations.both(f"kind = 'bin' AND {MINE}"),
)
