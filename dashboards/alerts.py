"""Alerts: what is open, how soon people answered, and which rules ring how often."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import QueryVariable

from dashboards.parts import looks, marks, variables
from dashboards.parts.board import Board, Row, Scene
from dashboards.parts.columns import Column, column, moment, painted
from dashboards.parts.maps import Layer, chart
from dashboards.parts.panels import bars, course, figure, grid
from dashboards.parts.scene import live, live_device
from dashboards.parts.sql import IN_AREA, IS_DEVICE, IS_KIND
from dashboards.parts.words import Words

MINE = f"{IN_AREA} AND {IS_DEVICE} AND {IS_KIND}"
WORST = "array_position(ARRAY['critical', 'warning', 'info'], severity)"
OPEN = f"""\
SELECT severity, device, name, kind, rule, stage, raised_at, lasted_s, value, escalation, alert
  FROM boards.alerts WHERE open AND {MINE}
 ORDER BY {WORST}, raised_at DESC LIMIT 200"""
WHERE = f"""\
SELECT DISTINCT ON (a.device) a.device, a.name, a.kind, d.lat, d.lon, a.severity, a.rule, a.raised_at
  FROM boards.alerts a JOIN (SELECT device, lat, lon FROM boards.devices WHERE lat IS NOT NULL) AS d USING (device)
 WHERE a.open AND {MINE}
 ORDER BY a.device, {WORST}, a.raised_at DESC"""
RAISED = f"""\
SELECT at AS time, severity AS metric, sum(raised) AS raised
  FROM boards.alerts_hourly
 WHERE $__timeFilter(at) AND {IN_AREA} AND {IS_DEVICE}
   AND ('*' IN ($kind) OR device IN (SELECT device FROM boards.devices WHERE kind IN ($kind)))
 GROUP BY 1, 2 ORDER BY 1"""
A_DAY = RAISED.replace("alerts_hourly", "alerts_daily")
BY_RULE = f"""\
SELECT rule, count(*) AS raised
  FROM boards.alerts WHERE $__timeFilter(raised_at) AND {MINE}
 GROUP BY 1 ORDER BY 2 DESC LIMIT 25"""
RULES = f"""\
SELECT rule, count(*) AS raised, count(*) FILTER (WHERE open) AS open, count(DISTINCT device) AS devices,
       avg(lasted_s) AS lasted_s, percentile_cont(0.5) WITHIN GROUP (ORDER BY acknowledged_s) AS acknowledged_s,
       count(*) FILTER (WHERE late) AS late, count(*) FILTER (WHERE flapping) AS flapping
  FROM boards.alerts WHERE $__timeFilter(raised_at) AND {MINE}
 GROUP BY 1 ORDER BY 2 DESC LIMIT 100"""
DEVICES = f"""\
SELECT device, kind, count(*) AS raised, count(*) FILTER (WHERE severity = 'critical') AS critical,
       max(raised_at) AS newest
  FROM boards.alerts WHERE $__timeFilter(raised_at) AND {MINE}
 GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 100"""
ANSWERED = f"""\
SELECT $__timeGroupAlias(raised_at, 6h), avg(acknowledged_s) AS mean, max(acknowledged_s) AS longest
  FROM boards.alerts
 WHERE $__timeFilter(raised_at) AND acknowledged_s IS NOT NULL AND {MINE}
 GROUP BY 1 ORDER BY 1"""

DEVICE = column("device", "设备", "Device", looks.PLAIN, 115, live_device())
KIND = column("kind", "类型", "Kind", looks.KIND, 90)
RULE = column("rule", "规则", "Rule", looks.PLAIN, 190)
SEVERITY = painted("severity", "级别", "Severity", looks.SEVERITY, 80)
DURATION = looks.Look("s", decimals=0)
ANSWER = looks.Look("s", ((None, looks.GOOD), (600, looks.WARN), (1_800, looks.BAD)), decimals=0)
RAISED_LOOK = column("raised", "次数", "Raised", looks.COUNT, 80)
SEVERITIES: tuple[Column, ...] = tuple(
    column(case.value, case.words.zh, case.words.en, looks.Look(steps=((None, case.colour),)))
    for case in looks.SEVERITY.cases
)
CALM = Words("没有未恢复的告警", "Nothing is open")


def _variables(scene: Scene) -> Sequence[QueryVariable]:
    return variables.area(scene), variables.kind(scene), variables.device(scene)


def _figures(scene: Scene) -> Row:
    from_open = f"SELECT count(*) AS alerts FROM boards.alerts WHERE open AND {MINE}"
    raised = f"SELECT count(*) AS alerts FROM boards.alerts WHERE $__timeFilter(raised_at) AND {MINE}"
    answered = f"""\
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY acknowledged_s) AS seconds
  FROM boards.alerts WHERE $__timeFilter(raised_at) AND {MINE}"""
    see_to = (live("#panel=alerts", "处理告警", "See to them"),)
    return Row(
        None,
        (
            figure(
                scene,
                Words("严重未恢复", "Critical, open"),
                f"{from_open} AND severity = 'critical'",
                looks.ALARM,
                loud=True,
                links=see_to,
            ),
            figure(
                scene,
                Words("未确认", "Not acknowledged"),
                f"{from_open} AND stage = 'raised'",
                looks.WORRY,
                loud=True,
                links=see_to,
            ),
            figure(scene, Words("未恢复总数", "Open in all"), from_open, looks.COUNT),
            figure(scene, Words("已升级未恢复", "Escalated, open"), f"{from_open} AND escalation > 0", looks.ALARM),
            figure(scene, Words("时段内发生", "Raised in the span"), raised, looks.COUNT),
            figure(
                scene,
                Words("确认用时中位数", "Median answer"),
                answered,
                ANSWER,
                empty=Words("无确认", "None answered"),
                about=Words("从通知到确认。", "From being told to being acknowledged."),
            ),
        ),
    )


def _now(scene: Scene) -> Row:
    listed = (
        SEVERITY,
        DEVICE,
        column("name", "名称", "Name", looks.PLAIN, 120),
        KIND,
        RULE,
        column("stage", "状态", "Stage", looks.STAGE, 110),
        moment("raised_at", "发生", "Raised"),
        column("lasted_s", "已持续", "For", DURATION, 90),
        column("value", "数值", "Value", looks.Look(decimals=2), 80),
        column("escalation", "升级", "Escalated", looks.WORRY, 80),
        column("alert", "编号", "Number", looks.PLAIN, 80),
    )
    touched = (
        DEVICE,
        column("name", "名称", "Name"),
        KIND,
        column("severity", "级别", "Severity", looks.SEVERITY),
        RULE,
        moment("raised_at", "发生", "Raised"),
    )
    layer = Layer(Words("告警设备", "Devices with alerts"), WHERE, "severity", "circle", 7)
    return Row(
        Words("现在", "Now"),
        (
            grid(scene, Words("未恢复的告警", "Open alerts"), OPEN, listed, width=15, height=14, empty=CALM),
            chart(
                scene,
                Words("告警地图", "Where"),
                (layer,),
                touched,
                width=9,
                height=14,
                about=Words(
                    "每个设备最严重的一条；不含人员终端。", "The worst of each device; badges are not on the map."
                ),
            ),
        ),
    )


def _course(scene: Scene) -> Row:
    answers = (
        column("mean", "平均", "Mean", looks.Look("s", ((None, looks.CALM),))),
        column("longest", "最长", "Longest", looks.Look("s", ((None, looks.WARN),))),
    )
    return Row(
        Words("走势", "Course"),
        (
            course(
                scene,
                Words("每小时告警", "Raised by the hour"),
                RAISED,
                looks.COUNT,
                series=SEVERITIES,
                draw="bars",
                stacked=True,
                width=9,
            ),
            course(
                scene,
                Words("每日告警", "Raised by the day"),
                A_DAY,
                looks.COUNT,
                series=SEVERITIES,
                draw="bars",
                stacked=True,
                width=7,
            ),
            course(
                scene,
                Words("确认用时", "Time to an answer"),
                ANSWERED,
                ANSWER,
                series=answers,
                width=8,
                empty=Words("时段内无人确认", "Nobody acknowledged anything in the span"),
            ),
        ),
    )


def _rules(scene: Scene) -> Row:
    rules = (
        RULE,
        RAISED_LOOK,
        column("open", "未恢复", "Open", looks.WORRY, 80),
        column("devices", "设备数", "Devices", looks.COUNT, 80),
        column("lasted_s", "平均持续", "Mean length", DURATION, 100),
        column("acknowledged_s", "确认中位数", "Median answer", ANSWER, 110),
        column("late", "补录", "Late", looks.COUNT, 70),
        column("flapping", "抖动", "Flapping", looks.WORRY, 80),
    )
    devices = (
        DEVICE,
        KIND,
        RAISED_LOOK,
        column("critical", "严重", "Critical", looks.ALARM, 80),
        moment("newest", "最近", "Newest"),
    )
    return Row(
        Words("规则与设备", "Rules and devices"),
        (
            bars(scene, Words("各规则告警数", "Raised by rule"), BY_RULE, looks.COUNT, width=6, height=11),
            grid(scene, Words("规则统计", "Rules"), RULES, rules, width=10, height=11),
            grid(scene, Words("告警最多的设备", "Devices with the most"), DEVICES, devices, width=8, height=11),
        ),
    )


def _rows(scene: Scene) -> Sequence[Row]:
    return _figures(scene), _now(scene), _course(scene), _rules(scene)


BOARD = Board(
    topic="alerts",
    place=6,
    title=Words("告警", "Alerts"),
    about=Words("未恢复告警、响应时间与规则统计。", "What is open, how soon it was answered, and which rules ring."),
    rows=_rows,
    variables=_variables,
    marks=marks.both(MINE),
    since="now-7d",
)
