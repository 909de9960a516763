"""Bins: which are full and where, which will be full, and how often they are emptied."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import QueryVariable

from dashboards.parts import looks, marks, variables
from dashboards.parts.board import Board, Row, Scene
from dashboards.parts.columns import Column, column, gauge, moment
from dashboards.parts.maps import Layer, chart
from dashboards.parts.panels import bars, course, figure, grid
from dashboards.parts.scene import board_link, live, live_device
from dashboards.parts.sql import IN_AREA, IS_DEVICE, LONG, SHORT, day
from dashboards.parts.words import Words

MINE = f"{IN_AREA} AND {IS_DEVICE}"
LATEST = f"boards.latest WHERE metric = 'fill_pct' AND kind = 'bin' AND {MINE}"
FULLEST = f"SELECT device FROM {LATEST} ORDER BY value DESC LIMIT 12"

NOW = f"""\
SELECT l.device, l.name, d.area, d.lat, d.lon, l.value AS fill, l.observed_at
  FROM boards.latest l JOIN boards.devices d USING (device)
 WHERE l.metric = 'fill_pct' AND l.kind = 'bin' AND d.lat IS NOT NULL AND {MINE}"""
TABLE = f"""\
SELECT l.device, l.name, d.area, l.value AS fill, l.observed_at, e.emptied_at
  FROM boards.latest l JOIN boards.devices d USING (device)
  LEFT JOIN (SELECT device, max(at) AS emptied_at FROM boards.emptyings GROUP BY device) AS e USING (device)
 WHERE l.metric = 'fill_pct' AND l.kind = 'bin' AND {MINE}
 ORDER BY l.value DESC LIMIT 100"""
COURSE = f"""\
SELECT $__timeGroup(observed_at, $__interval) AS time, device AS metric, max(value) AS fill
  FROM boards.readings
 WHERE metric = 'fill_pct' AND {SHORT} AND $__timeFilter(observed_at) AND device IN ({FULLEST})
 GROUP BY 1, 2
 UNION ALL
SELECT $__timeGroup(at, 1h) AS time, device AS metric, greatest AS fill
  FROM boards.readings_hourly
 WHERE metric = 'fill_pct' AND {LONG} AND $__timeFilter(at) AND device IN ({FULLEST})
 ORDER BY 1"""
LEVELS = f"""\
SELECT at AS time, count(*) FILTER (WHERE last >= 95) AS overflowing,
       count(*) FILTER (WHERE last >= 85 AND last < 95) AS due,
       count(*) FILTER (WHERE last >= 75 AND last < 85) AS soon,
       count(*) FILTER (WHERE last < 75) AS room
  FROM boards.readings_hourly
 WHERE metric = 'fill_pct' AND kind = 'bin' AND $__timeFilter(at) AND {MINE}
 GROUP BY 1 ORDER BY 1"""
SOON = f"""\
SELECT device, fill, rate, (85 - fill) / rate AS hours
  FROM (SELECT device, max(last) AS fill, regr_slope(last, extract(epoch FROM at) / 3600) AS rate
          FROM boards.readings_hourly
         WHERE metric = 'fill_pct' AND kind = 'bin' AND at > now() - interval '7 hours' AND {MINE}
         GROUP BY device) AS course
 WHERE rate > 0.1 AND fill < 85
 ORDER BY hours LIMIT 50"""
EMPTIED = f"""\
SELECT at, device, name, before_pct, after_pct, vehicle, proof
  FROM boards.emptyings
 WHERE $__timeFilter(at) AND {MINE}
 ORDER BY at DESC LIMIT 200"""
A_DAY = f"""\
SELECT {day("at")} AS time, count(*) AS emptyings
  FROM boards.emptyings WHERE $__timeFilter(at) AND {MINE}
 GROUP BY 1 ORDER BY 1"""
PEAKS = f"""\
SELECT at AS time, avg(greatest) AS peak, avg(mean) AS mean
  FROM boards.fill_daily WHERE $__timeFilter(at) AND {MINE}
 GROUP BY 1 ORDER BY 1"""
BY_AREA = f"""\
SELECT a.area, avg(l.value) AS fill
  FROM boards.latest l JOIN boards.device_areas a USING (device)
 WHERE l.metric = 'fill_pct' AND l.kind = 'bin' AND ('*' IN ($area) OR a.area IN ($area)) AND {IS_DEVICE}
 GROUP BY 1 ORDER BY 2 DESC LIMIT 25"""

PROOF = looks.Look(
    cases=(
        looks.Case("device", Words("设备上报", "Device"), looks.GOOD),
        looks.Case("lift", Words("提升机构", "Lift"), looks.GOOD),
        looks.Case("dwell", Words("车辆停留", "Truck stood by"), looks.CALM),
        looks.Case("fill", Words("满溢度下降", "Fill dropped"), looks.QUIET),
    )
)
DEVICE = column("device", "设备", "Device", looks.PLAIN, 110, live_device())
NAME = column("name", "名称", "Name")
AREA = column("area", "区域", "Area")
FILL = gauge("fill", "满溢度", "Fill", looks.FILL, 170)
RATE = looks.Look("percent", decimals=1)
HOURS = looks.Look("h", ((None, looks.BAD), (2, looks.WARN), (6, looks.NOTICE), (12, looks.GOOD)), decimals=1)


def _variables(scene: Scene) -> Sequence[QueryVariable]:
    return variables.area(scene), variables.device(scene, "bin")


def _figures(scene: Scene) -> Row:
    silent = (
        f"SELECT count(*) AS bins FROM boards.devices WHERE kind = 'bin' AND status = 'active' AND silent AND {MINE}"
    )
    weak = f"""\
SELECT count(*) AS bins
  FROM boards.latest WHERE metric = 'battery_pct' AND kind = 'bin' AND value < 20 AND {MINE}"""
    to_alerts = board_link("alerts", "查看告警", "Show the alerts")
    return Row(
        None,
        (
            figure(
                scene,
                Words("满溢（≥95%）", "Overflowing (≥95 %)"),
                f"SELECT count(*) AS bins FROM {LATEST} AND value >= 95",
                looks.ALARM,
                loud=True,
                links=(to_alerts,),
            ),
            figure(
                scene,
                Words("待清运（≥85%）", "To collect (≥85 %)"),
                f"SELECT count(*) AS bins FROM {LATEST} AND value >= 85",
                looks.WORRY,
                loud=True,
                links=(live("#panel=orders", "派单", "Give orders"),),
            ),
            figure(scene, Words("平均满溢度", "Mean fill"), f"SELECT avg(value) AS fill FROM {LATEST}", looks.FILL),
            figure(
                scene,
                Words("时段内清运次数", "Emptied in the span"),
                f"SELECT count(*) AS emptyings FROM boards.emptyings WHERE $__timeFilter(at) AND {MINE}",
            ),
            figure(
                scene,
                Words("失联垃圾桶", "Silent bins"),
                silent,
                looks.WORRY,
                about=Words("超过三个上报周期没有消息。", "Nothing heard for three of their intervals."),
            ),
            figure(scene, Words("电量不足（<20%）", "Low battery (<20 %)"), weak, looks.WORRY),
        ),
    )


def _now(scene: Scene) -> Row:
    touched = (
        DEVICE,
        NAME,
        AREA,
        column("fill", "满溢度", "Fill", looks.FILL),
        moment("observed_at", "观测时间", "Observed"),
    )
    listed = (
        DEVICE,
        NAME,
        AREA,
        FILL,
        moment("observed_at", "观测时间", "Observed"),
        moment("emptied_at", "上次清运", "Emptied"),
    )
    layer = Layer(Words("垃圾桶", "Bins"), NOW, "fill", size=6)
    return Row(
        Words("现在", "Now"),
        (
            chart(scene, Words("满溢度地图", "Bins by fill"), (layer,), touched, width=11),
            grid(scene, Words("最满的垃圾桶", "The fullest bins"), TABLE, listed, width=13, height=16),
        ),
    )


def _course(scene: Scene) -> Row:
    levels = tuple(
        column(name, zh, en, looks.Look(steps=((None, colour),)))
        for name, zh, en, colour in (
            ("overflowing", "满溢 ≥95%", "Overflowing ≥95 %", looks.BAD),
            ("due", "待清运 85–95%", "Due 85–95 %", looks.WARN),
            ("soon", "将满 75–85%", "Soon 75–85 %", looks.NOTICE),
            ("room", "有余量 <75%", "Room <75 %", looks.GOOD),
        )
    )
    soon = (
        DEVICE,
        FILL,
        column("rate", "每小时", "Per hour", RATE, 90),
        column("hours", "距 85%", "To 85 %", HOURS, 90),
    )
    return Row(
        Words("走势", "Course"),
        (
            course(
                scene,
                Words("最满十二个桶的走势", "Course of the twelve fullest"),
                COURSE,
                looks.FILL,
                limits=True,
                height=10,
            ),
            course(
                scene,
                Words("各满溢等级的桶数", "Bins by level"),
                LEVELS,
                looks.COUNT,
                series=levels,
                draw="bars",
                stacked=True,
                height=10,
            ),
            grid(
                scene,
                Words("即将装满", "Full soon"),
                SOON,
                soon,
                width=10,
                height=10,
                about=Words(
                    "按最近六小时的斜率推算到 85% 的小时数。", "Hours to 85 % by the slope of the last six hours."
                ),
            ),
            course(
                scene,
                Words("每日峰值", "Daily peaks"),
                PEAKS,
                looks.FILL,
                width=8,
                height=10,
                series=(
                    column("peak", "最高值的平均", "Mean of the peaks", looks.Look(steps=((None, looks.WARN),))),
                    column("mean", "平均", "Mean", looks.Look(steps=((None, looks.CALM),))),
                ),
            ),
            bars(scene, Words("各区域平均满溢度", "Mean fill by area"), BY_AREA, looks.FILL, width=6, height=10),
        ),
    )


def _emptied(scene: Scene) -> Row:
    listed: tuple[Column, ...] = (
        moment("at", "时间", "At"),
        DEVICE,
        NAME,
        column("before_pct", "清运前", "Before", looks.FILL, 90),
        column("after_pct", "清运后", "After", looks.FILL, 90),
        column("vehicle", "车辆", "Vehicle", looks.PLAIN, 120),
        column("proof", "依据", "Proof", PROOF, 130),
    )
    a_day = (column("emptyings", "清运次数", "Emptyings", looks.GOOD_COUNT),)
    return Row(
        Words("清运", "Emptyings"),
        (
            course(
                scene, Words("每日清运次数", "Emptyings a day"), A_DAY, looks.COUNT, series=a_day, draw="bars", width=9
            ),
            grid(scene, Words("清运记录", "Log of emptyings"), EMPTIED, listed, width=15, height=9),
        ),
    )


def _rows(scene: Scene) -> Sequence[Row]:
    return _figures(scene), _now(scene), _course(scene), _emptied(scene)


BOARD = Board(
    topic="bins",
    place=2,
    title=Words("垃圾桶", "Bins"),
    about=Words(
        "满溢度、分布、预测与清运。", "How full the bins are and where, which will be, and when they are emptied."
    ),
    rows=_rows,
    variables=_variables,
    marks=marks.both(f"kind = 'bin' AND {MINE}"),
)
