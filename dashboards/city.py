"""The city at a glance: what needs somebody now, where everything is, and how the day goes."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import QueryVariable

from dashboards.parts import looks, marks, variables
from dashboards.parts.board import Board, Row, Scene
from dashboards.parts.columns import column, moment, painted
from dashboards.parts.maps import Layer, chart
from dashboards.parts.panels import course, figure, grid
from dashboards.parts.scene import board_link, live, live_device
from dashboards.parts.sql import IN_AREA, IS_KIND, LONG, SHORT, day
from dashboards.parts.words import Words

MINE = f"{IN_AREA} AND {IS_KIND}"
WORST = "array_position(ARRAY['critical', 'warning', 'info'], severity)"
BINS = f"""\
SELECT l.device, l.name, d.lat, d.lon, l.value AS fill, l.observed_at AS at
  FROM boards.latest l JOIN (SELECT device, lat, lon FROM boards.devices WHERE lat IS NOT NULL) AS d USING (device)
 WHERE l.metric = 'fill_pct' AND l.kind = 'bin' AND {MINE}"""
VEHICLES = f"""\
SELECT device, name, lat, lon, state, speed_kmh, received_at AS at
  FROM boards.fleet WHERE lat IS NOT NULL AND {IN_AREA} AND ('*' IN ($kind) OR 'vehicle' IN ($kind))"""
TOILETS = f"""\
SELECT l.device, l.name, d.lat, d.lon, l.value AS nh3, l.observed_at AS at
  FROM boards.latest l JOIN (SELECT device, lat, lon FROM boards.devices WHERE lat IS NOT NULL) AS d USING (device)
 WHERE l.metric = 'nh3_ppm' AND l.kind = 'toilet' AND {MINE}"""
OPEN = f"""\
SELECT severity, device, rule, stage, raised_at
  FROM boards.alerts WHERE open AND {MINE}
 ORDER BY {WORST}, raised_at DESC LIMIT 100"""
RAISED = f"""\
SELECT at AS time, severity AS metric, sum(raised) AS raised
  FROM boards.alerts_hourly
 WHERE $__timeFilter(at) AND {IN_AREA}
   AND ('*' IN ($kind) OR device IN (SELECT device FROM boards.devices WHERE kind IN ($kind)))
 GROUP BY 1, 2 ORDER BY 1"""
DRIVEN = f"""\
SELECT at AS time, sum(driven_m) / 1000 AS km
  FROM boards.distance_hourly WHERE $__timeFilter(at) AND {IN_AREA}
 GROUP BY 1 ORDER BY 1"""
EMPTIED = f"""\
SELECT {day("at")} AS time, count(*) AS emptyings
  FROM boards.emptyings WHERE $__timeFilter(at) AND {IN_AREA}
 GROUP BY 1 ORDER BY 1"""
_COUNTED = """\
count(DISTINCT device) FILTER (WHERE kind = 'vehicle') AS vehicle,
       count(DISTINCT device) FILTER (WHERE kind = 'bin') AS bin,
       count(DISTINCT device) FILTER (WHERE kind = 'toilet') AS toilet"""
_TOLD = f"metric IN ('fill_pct', 'nh3_ppm', 'work_state') AND $__timeFilter(at) AND {MINE}"
HEARD = f"""\
SELECT at AS time, {_COUNTED}
  FROM boards.readings_hourly WHERE {SHORT} AND {_TOLD}
 GROUP BY 1
 UNION ALL
SELECT at AS time, {_COUNTED}
  FROM boards.readings_daily WHERE {LONG} AND {_TOLD}
 GROUP BY 1 ORDER BY 1"""
ORDERS = """\
SELECT state, overdue, kind, coalesce(vehicle, crew, worker, '') AS who, coalesce(device, place) AS device,
       planned_start, planned_end
  FROM boards.orders WHERE open
 ORDER BY overdue DESC, planned_end LIMIT 100"""
INCIDENTS = """\
SELECT state, category, place, area, seen_at, department
  FROM boards.incidents WHERE open AND ('*' IN ($area) OR area IN ($area))
 ORDER BY seen_at DESC LIMIT 100"""

DEVICE = column("device", "设备", "Device", looks.PLAIN, 115, live_device())
KM = looks.Look("lengthkm", ((None, looks.CALM),), decimals=1)


def _variables(scene: Scene) -> Sequence[QueryVariable]:
    return variables.area(scene), variables.kind(scene)


def _figures(scene: Scene) -> Row:
    alerts = f"SELECT count(*) AS alerts FROM boards.alerts WHERE open AND {MINE}"
    full = f"""\
SELECT count(*) AS bins
  FROM boards.latest WHERE metric = 'fill_pct' AND kind = 'bin' AND value >= 85 AND {IN_AREA}"""
    working = f"SELECT count(*) AS vehicles FROM boards.fleet WHERE state = 'working' AND {IN_AREA}"
    heard = f"""\
SELECT 100.0 * count(*) FILTER (WHERE NOT silent) / nullif(count(*), 0) AS share
  FROM boards.devices WHERE status = 'active' AND {MINE}"""
    overdue = "SELECT count(*) AS orders FROM boards.orders WHERE overdue"
    return Row(
        None,
        (
            figure(
                scene,
                Words("严重告警", "Critical alerts"),
                f"{alerts} AND severity = 'critical'",
                looks.ALARM,
                loud=True,
                links=(
                    board_link("alerts", "告警看板", "Board of alerts"),
                    live("#panel=alerts", "处理告警", "See to them"),
                ),
            ),
            figure(
                scene,
                Words("未确认告警", "Not acknowledged"),
                f"{alerts} AND stage = 'raised'",
                looks.WORRY,
                loud=True,
                links=(board_link("alerts", "告警看板", "Board of alerts"),),
            ),
            figure(
                scene,
                Words("待清运垃圾桶", "Bins to collect"),
                full,
                looks.WORRY,
                loud=True,
                links=(board_link("bins", "垃圾桶看板", "Board of bins"),),
            ),
            figure(
                scene,
                Words("超期工单", "Overdue orders"),
                overdue,
                looks.WORRY,
                loud=True,
                links=(live("#panel=orders", "工单", "The orders"),),
            ),
            figure(
                scene,
                Words("作业中车辆", "Vehicles at work"),
                working,
                looks.GOOD_COUNT,
                links=(board_link("vehicles", "车辆看板", "Board of vehicles"),),
            ),
            figure(
                scene,
                Words("设备在线率", "Devices heard"),
                heard,
                looks.SHARE_GOOD,
                about=Words(
                    "三个上报周期内有消息的设备比例。", "Share of devices heard within three of their intervals."
                ),
            ),
        ),
    )


def _now(scene: Scene) -> Row:
    layers = (
        Layer(Words("垃圾桶", "Bins"), BINS, "fill", size=5),
        Layer(Words("公厕", "Toilets"), TOILETS, "nh3", "square", 8),
        Layer(Words("车辆", "Vehicles"), VEHICLES, "state", "triangle", 8),
    )
    touched = (
        DEVICE,
        column("name", "名称", "Name"),
        column("fill", "满溢度", "Fill", looks.FILL),
        column("nh3", "氨气", "NH₃", looks.NH3),
        column("state", "状态", "State", looks.STATE),
        column("speed_kmh", "速度", "Speed", looks.SPEED),
        moment("at", "时间", "At"),
    )
    listed = (
        painted("severity", "级别", "Severity", looks.SEVERITY, 80),
        DEVICE,
        column("rule", "规则", "Rule"),
        column("stage", "状态", "Stage", looks.STAGE, 105),
        moment("raised_at", "发生", "Raised"),
    )
    return Row(
        Words("现在", "Now"),
        (
            chart(scene, Words("城市地图", "Map of the city"), layers, touched, width=14),
            grid(
                scene,
                Words("未恢复的告警", "Open alerts"),
                OPEN,
                listed,
                width=10,
                height=16,
                empty=Words("没有未恢复的告警", "Nothing is open"),
            ),
        ),
    )


def _work(scene: Scene) -> Row:
    orders = (
        painted("state", "状态", "State", looks.ORDER, 90),
        column("overdue", "超期", "Overdue", looks.YES, 80),
        column("kind", "种类", "Kind", looks.ORDER_KIND, 80),
        column("who", "执行", "Who", looks.PLAIN, 120),
        DEVICE,
        moment("planned_start", "计划开始", "Planned start"),
        moment("planned_end", "计划结束", "Planned end"),
    )
    incidents = (
        painted("state", "状态", "State", looks.INCIDENT, 100),
        column("category", "类别", "Category", looks.CATEGORY, 140),
        column("place", "地点", "Place"),
        column("area", "区域", "Area", looks.PLAIN, 110),
        moment("seen_at", "发现", "Seen"),
        column("department", "移交部门", "Handed to", looks.PLAIN, 120),
    )
    return Row(
        Words("待办", "To be done"),
        (
            grid(
                scene,
                Words("未完成工单", "Open orders"),
                ORDERS,
                orders,
                height=9,
                empty=Words("没有未完成的工单", "No order is open"),
            ),
            grid(
                scene,
                Words("未办结事件", "Open incidents"),
                INCIDENTS,
                incidents,
                height=9,
                empty=Words("没有未办结的事件", "No incident is open"),
            ),
        ),
    )


def _course(scene: Scene) -> Row:
    severities = tuple(
        column(case.value, case.words.zh, case.words.en, looks.Look(steps=((None, case.colour),)))
        for case in looks.SEVERITY.cases
    )
    kinds = tuple(
        column(case.value, case.words.zh, case.words.en, looks.Look(steps=((None, case.colour),)))
        for case in looks.KIND.cases[:3]
    )
    return Row(
        Words("走势", "Course"),
        (
            course(
                scene,
                Words("每小时告警", "Alerts by the hour"),
                RAISED,
                looks.COUNT,
                series=severities,
                draw="bars",
                stacked=True,
            ),
            course(
                scene,
                Words("每小时里程", "Driven by the hour"),
                DRIVEN,
                KM,
                draw="bars",
                series=(column("km", "里程", "Driven", KM),),
            ),
            course(
                scene,
                Words("每日清运次数", "Emptyings by the day"),
                EMPTIED,
                looks.COUNT,
                draw="bars",
                series=(column("emptyings", "清运次数", "Emptyings", looks.GOOD_COUNT),),
            ),
            course(
                scene, Words("有数据的设备数", "Devices that reported"), HEARD, looks.COUNT, series=kinds, draw="steps"
            ),
        ),
    )


def _rows(scene: Scene) -> Sequence[Row]:
    return _figures(scene), _now(scene), _work(scene), _course(scene)


BOARD = Board(
    topic="city",
    place=1,
    title=Words("城市总览", "City overview"),
    about=Words("此刻需要处理的事、位置与当日走势。", "What needs somebody now, where everything is, and how it goes."),
    rows=_rows,
    variables=_variables,
    marks=marks.both(MINE),
)
