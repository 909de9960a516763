"""Public toilets: the air, how many come, water, paper and soap."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import QueryVariable

from dashboards.parts import looks, marks, variables
from dashboards.parts.board import Board, Row, Scene
from dashboards.parts.columns import column, gauge, moment
from dashboards.parts.maps import Layer, chart
from dashboards.parts.panels import bars, course, figure, grid
from dashboards.parts.scene import board_link, live_device
from dashboards.parts.sql import IN_AREA, IS_DEVICE, LONG, SHORT, day
from dashboards.parts.words import Words

MINE = f"{IN_AREA} AND {IS_DEVICE}"
METRICS = ("nh3_ppm", "h2s_ppm", "stalls_occupied", "paper_pct", "soap_pct")
_PIVOT = ",\n       ".join(f"max(l.value) FILTER (WHERE l.metric = '{name}') AS {name}" for name in METRICS)
NOW = f"""\
SELECT d.device, d.name, d.area, {_PIVOT},
       max(l.observed_at) AS observed_at
  FROM boards.devices d LEFT JOIN boards.latest l USING (device)
 WHERE d.kind = 'toilet' AND d.status = 'active' AND {MINE}
 GROUP BY d.device, d.name, d.area
 ORDER BY nh3_ppm DESC NULLS LAST LIMIT 100"""
WHERE = f"""\
SELECT d.device, d.name, d.lat, d.lon, {_PIVOT},
       max(l.observed_at) AS observed_at
  FROM boards.devices d JOIN boards.latest l USING (device)
 WHERE d.kind = 'toilet' AND d.lat IS NOT NULL AND {MINE}
 GROUP BY d.device, d.name, d.lat, d.lon"""
# A counter may begin anew: what fell is no number of people.
PEOPLE = f"""\
SELECT {day("at")} AS time, sum(greatest - least) AS people
  FROM boards.readings_hourly
 WHERE metric = 'people_in' AND $__timeFilter(at) AND {MINE}
 GROUP BY 1 ORDER BY 1"""
BY_HOUR = f"""\
SELECT at AS time, sum(greatest - least) AS people
  FROM boards.readings_hourly
 WHERE metric = 'people_in' AND $__timeFilter(at) AND {MINE}
 GROUP BY 1 ORDER BY 1"""
BUSIEST = f"""\
SELECT device, sum(greatest - least) AS people
  FROM boards.readings_hourly
 WHERE metric = 'people_in' AND $__timeFilter(at) AND {MINE}
 GROUP BY 1 ORDER BY 2 DESC LIMIT 25"""
WATER = f"""\
SELECT at AS time, device AS metric, greatest - least AS water
  FROM boards.readings_hourly
 WHERE metric = 'water_m3' AND kind = 'toilet' AND $__timeFilter(at) AND {MINE}
 ORDER BY 1"""
ALERTS = f"""\
SELECT alert, severity, device, rule, stage, value, raised_at, cleared_at
  FROM boards.alerts
 WHERE kind = 'toilet' AND $__timeFilter(raised_at) AND {MINE}
 ORDER BY open DESC, raised_at DESC LIMIT 100"""
LATEST = "FROM boards.latest WHERE kind = 'toilet'"

DEVICE = column("device", "公厕", "Toilet", looks.PLAIN, 110, live_device())
NAME = column("name", "名称", "Name")
NH3 = column("nh3_ppm", "氨气", "NH₃", looks.NH3, 90)
H2S = column("h2s_ppm", "硫化氢", "H₂S", looks.H2S, 110)
OCCUPIED = column("stalls_occupied", "占用", "In use", looks.COUNT, 70)
STOCK = looks.Look("percent", ((None, looks.BAD), (15, looks.WARN), (35, looks.GOOD)), decimals=0, low=0, high=100)
CUBIC = looks.Look("m3", decimals=2)


def _air(metric: str) -> str:
    """The means of a gas, by toilet: records of short spans, hours of long ones."""
    return f"""\
SELECT $__timeGroup(observed_at, $__interval) AS time, device AS metric, avg(value) AS ppm
  FROM boards.readings
 WHERE metric = '{metric}' AND {SHORT} AND $__timeFilter(observed_at) AND {MINE}
 GROUP BY 1, 2
 UNION ALL
SELECT $__timeGroup(at, 1h) AS time, device AS metric, mean AS ppm
  FROM boards.readings_hourly
 WHERE metric = '{metric}' AND {LONG} AND $__timeFilter(at) AND {MINE}
 ORDER BY 1"""


def _variables(scene: Scene) -> Sequence[QueryVariable]:
    return variables.area(scene), variables.device(scene, "toilet")


def _figures(scene: Scene) -> Row:
    foul = f"SELECT count(*) AS toilets {LATEST} AND metric = 'nh3_ppm' AND value >= 1.43 AND {MINE}"
    sulphide = f"SELECT count(*) AS toilets {LATEST} AND metric = 'h2s_ppm' AND value >= 0.0072 AND {MINE}"
    people = f"""\
SELECT sum(greatest - least) AS people
  FROM boards.readings_hourly WHERE metric = 'people_in' AND $__timeFilter(at) AND {MINE}"""
    low = f"""\
SELECT count(DISTINCT device) AS toilets {LATEST} AND metric IN ('paper_pct', 'soap_pct') AND value < 15 AND {MINE}"""
    waiting = f"SELECT count(*) AS alerts FROM boards.alerts WHERE open AND kind = 'toilet' AND {MINE}"
    silent = f"""\
SELECT count(*) AS toilets
  FROM boards.devices WHERE kind = 'toilet' AND status = 'active' AND silent AND {MINE}"""
    to_alerts = board_link("alerts", "查看告警", "Show the alerts")
    return Row(
        None,
        (
            figure(
                scene,
                Words("氨气超标", "NH₃ over the limit"),
                foul,
                looks.ALARM,
                loud=True,
                about=Words("二类公厕限值 1.43 ppm（1 mg/m³）。", "1.43 ppm (1 mg/m³), the limit of class 2."),
            ),
            figure(
                scene,
                Words("硫化氢超标", "H₂S over the limit"),
                sulphide,
                looks.ALARM,
                loud=True,
                about=Words("限值 0.0072 ppm（0.01 mg/m³）。", "0.0072 ppm (0.01 mg/m³)."),
            ),
            figure(scene, Words("未恢复告警", "Open alerts"), waiting, looks.WORRY, links=(to_alerts,)),
            figure(scene, Words("时段内人次", "Visitors in the span"), people, looks.COUNT),
            figure(
                scene,
                Words("缺纸或缺皂", "Paper or soap low"),
                low,
                looks.WORRY,
                about=Words("余量低于 15%。", "Less than 15 % left."),
            ),
            figure(scene, Words("失联公厕", "Silent toilets"), silent, looks.WORRY),
        ),
    )


def _now(scene: Scene) -> Row:
    observed = moment("observed_at", "观测时间", "Observed")
    stock = (gauge("paper_pct", "厕纸", "Paper", STOCK, 110), gauge("soap_pct", "洗手液", "Soap", STOCK, 110))
    touched = (DEVICE, NAME, NH3, H2S, OCCUPIED, *stock, observed)
    listed = (DEVICE, NAME, column("area", "区域", "Area"), NH3, H2S, OCCUPIED, *stock, observed)
    layer = Layer(Words("公厕", "Toilets"), WHERE, "nh3_ppm", "square", 8)
    return Row(
        Words("现在", "Now"),
        (
            chart(scene, Words("公厕地图（按氨气）", "Toilets by NH₃"), (layer,), touched, width=9, height=13),
            grid(scene, Words("公厕现状", "The toilets now"), NOW, listed, width=15, height=13),
        ),
    )


def _course(scene: Scene) -> Row:
    people = (column("people", "人次", "Visitors", looks.COUNT),)
    return Row(
        Words("走势", "Course"),
        (
            course(
                scene,
                Words("氨气", "NH₃"),
                _air("nh3_ppm"),
                looks.NH3,
                limits=True,
                about=Words("虚线为一、二、三类公厕限值。", "Dashed: the limits of classes 1, 2 and 3."),
            ),
            course(scene, Words("硫化氢", "H₂S"), _air("h2s_ppm"), looks.H2S, limits=True),
            course(
                scene,
                Words("每小时人次", "Visitors by the hour"),
                BY_HOUR,
                looks.COUNT,
                series=people,
                draw="bars",
                width=10,
            ),
            course(
                scene,
                Words("每日人次", "Visitors by the day"),
                PEOPLE,
                looks.COUNT,
                series=people,
                draw="bars",
                width=8,
            ),
            bars(scene, Words("人次排行", "The busiest"), BUSIEST, looks.COUNT, width=6, height=9),
        ),
    )


def _rest(scene: Scene) -> Row:
    listed = (
        moment("raised_at", "发生", "Raised"),
        column("severity", "级别", "Severity", looks.SEVERITY, 90),
        DEVICE,
        column("rule", "规则", "Rule"),
        column("stage", "状态", "Stage", looks.STAGE, 100),
        column("value", "数值", "Value", looks.Look(decimals=3), 80),
        moment("cleared_at", "恢复", "Cleared"),
        column("alert", "编号", "Number", looks.PLAIN, 80),
    )
    return Row(
        Words("用水与告警", "Water and alerts"),
        (
            course(
                scene,
                Words("每小时用水量", "Water by the hour"),
                WATER,
                CUBIC,
                width=10,
                height=10,
                about=Words("夜间持续用水可能是漏水。", "What runs all night may be a leak."),
            ),
            grid(scene, Words("公厕告警", "Alerts of toilets"), ALERTS, listed, width=14),
        ),
    )


def _rows(scene: Scene) -> Sequence[Row]:
    return _figures(scene), _now(scene), _course(scene), _rest(scene)


BOARD = Board(
    topic="toilets",
    place=4,
    title=Words("公共厕所", "Public toilets"),
    about=Words("气味、人流、用水与耗材。", "Air, visitors, water and supplies."),
    rows=_rows,
    variables=_variables,
    marks=marks.both(f"kind = 'toilet' AND {MINE}"),
)
